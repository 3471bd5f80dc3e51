package identity

import (
	"crypto/ed25519"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"
)

// Bounds of what is read of a message's signatures.
const (
	maxSignatures     = 4
	maxSignatureBytes = 8 << 10
	maxKeyID          = 512
)

// Bounds of a nonce: how many bytes it holds at least, and how many characters it has at most.
const (
	minNonceBytes = 16
	maxNonce      = 128
)

// algorithm is the one signature algorithm of the profile, as RFC 9421 section 3.3.6 names it.
const algorithm = "ed25519"

// signature is one signature of a message, read but not verified. It holds what it is made of itself, so that reading one
// leaves nothing on the heap.
type signature struct {
	listed [maxComponents]string
	count  int    // of the components that are listed
	params string // the inner list with its parameters, as sent
	value  [ed25519.SignatureSize]byte
	sized  bool // the value has the length that signatures have; no other verifies

	created, expires  int64 // Unix seconds; 0 when absent
	nonce, keyID, alg string
}

// components are the names of what the signature covers, in its order.
func (s *signature) components() []string { return s.listed[:s.count] }

// setValue takes the value, and reports whether it has the length that signatures have.
func (s *signature) setValue(value []byte) bool {
	s.sized = copy(s.value[:], value) == len(s.value) && len(value) == len(s.value)
	return s.sized
}

// read takes the one signature of the message whose tag is Tag.
func (s *signature) read(h Header) error {
	inputs, signed := h.combined("signature-input")
	values, valued := h.combined("signature")
	switch {
	case !signed && !valued:
		return refuse(Missing, "the request is not signed")
	case !signed || !valued:
		return refuse(Malformed, "the fields Signature and Signature-Input must stand together")
	case len(inputs)+len(values) > maxSignatureBytes:
		return refuse(Malformed, "the fields Signature and Signature-Input exceed 8 KiB")
	}
	if s.readPlain(inputs, values) {
		return nil
	}
	label, err := s.readInput(inputs)
	if err != nil {
		return err
	}
	value, err := readValue(values, label)
	s.setValue(value)
	return err
}

// readInput takes what the signature covers and its parameters, and returns its label.
func (s *signature) readInput(value string) (label string, err error) {
	found := false
	members, ok := parseMembers(value, maxSignatures)
	if !ok {
		return "", refuse(Malformed, "the field Signature-Input is not a dictionary of 1 to 4 signatures")
	}
	for _, m := range members {
		list, ok := m.value.(httpsfv.InnerList)
		if !ok {
			return "", refuse(Malformed, "the field Signature-Input has a member that is not an inner list")
		}
		if tag, _ := list.Params.Get("tag"); tag != Tag {
			continue
		}
		if found {
			return "", refuse(Malformed, "more than one signature has the tag %q", Tag)
		}
		// A sender signs the canonical form. Any other spelling was touched on the way.
		if !m.canonical() {
			return "", refuse(Malformed, "the field Signature-Input is not in canonical form")
		}
		if err := s.take(list, m.text); err != nil {
			return "", err
		}
		label, found = m.key, true
	}
	if !found {
		return "", refuse(Malformed, "no signature has the tag %q", Tag)
	}
	return label, nil
}

func readValue(value, label string) ([]byte, error) {
	members, ok := parseMembers(value, maxSignatures)
	if !ok {
		return nil, refuse(Malformed, "the field Signature is not a dictionary of 1 to 4 signatures")
	}
	for _, m := range members {
		if m.key != label {
			continue
		}
		item, ok := m.value.(httpsfv.Item)
		if !ok {
			break
		}
		// RFC 9651 lets a reader ignore the pad bits of base64. Here every bit is evidence.
		if bytes, ok := item.Value.([]byte); ok && m.canonical() && len(item.Params.Names()) == 0 {
			return bytes, nil
		}
		break
	}
	return nil, refuse(Malformed, "the field Signature has no byte sequence for the signature tagged %q", Tag)
}

// take takes an inner list with its parameters.
func (s *signature) take(list httpsfv.InnerList, params string) error {
	if len(list.Items) > maxComponents {
		return refuse(Malformed, "the signature lists more than %d components", maxComponents)
	}
	*s = signature{params: params, alg: algorithm}
	for i, item := range list.Items {
		name, ok := item.Value.(string)
		if !ok {
			return refuse(Malformed, "component %d of the signature is not a string", i+1)
		}
		if len(item.Params.Names()) > 0 {
			return refuse(Unsupported, "component %d of the signature has a parameter; none is supported", i+1)
		}
		if err := s.list(name); err != nil {
			return err
		}
	}
	for _, name := range list.Params.Names() {
		value, _ := list.Params.Get(name)
		if !s.set(name, value) {
			return refuse(Malformed, "the parameter %s has the wrong type or length", name)
		}
	}
	return s.complete()
}

// list takes the name of the next component.
func (s *signature) list(name string) error {
	if s.count >= maxComponents {
		return refuse(Malformed, "the signature lists more than %d components", maxComponents)
	}
	if err := validComponent(s.count, name); err != nil {
		return err
	}
	if slices.Contains(s.components(), name) {
		return refuse(Malformed, "the signature lists the component %q twice", name)
	}
	s.listed[s.count] = name
	s.count++
	return nil
}

// complete checks what all parameters together say.
func (s *signature) complete() error {
	if s.alg != algorithm {
		return refuse(Unsupported, "the parameter alg must be absent or %q", algorithm)
	}
	if s.keyID == "" {
		return refuse(Malformed, "the parameter keyid is required")
	}
	return nil
}

// set takes one signature parameter (RFC 9421 section 2.3). Unknown ones are covered by the signature and say
// nothing.
func (s *signature) set(name string, value any) (ok bool) {
	switch name {
	case "created":
		s.created, ok = value.(int64)
	case "expires":
		s.expires, ok = value.(int64)
	case "nonce":
		s.nonce, ok = value.(string)
	case "keyid":
		s.keyID, ok = value.(string)
		ok = ok && len(s.keyID) <= maxKeyID
	case "alg":
		s.alg, ok = value.(string)
	default:
		ok = true
	}
	return ok
}

// validNonce reports whether the nonce is base64, of either alphabet and padded or not, of at least 16 bytes and at most
// 128 characters. Its characters count, not what they encode.
func validNonce(nonce string) bool {
	digits := strings.TrimRight(nonce, "=")
	if len(nonce) > maxNonce || len(nonce)-len(digits) > 2 || len(digits)*6/8 < minNonceBytes {
		return false
	}
	for i := range len(digits) {
		switch c := digits[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}
