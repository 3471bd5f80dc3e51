package did

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/strictjson"
)

// Bounds of documents.
const (
	// MaxDocument is the longest document, in bytes.
	MaxDocument = 64 << 10
	// maxMethods bounds the verification methods of a document, those in relationships included.
	maxMethods = 64
	// maxAliases bounds the entries of alsoKnownAs, and maxAlias the bytes of one.
	maxAliases, maxAlias = 64, 2048
)

// ErrNoKey says that a document is that of its DID and has no key with which the DID could authenticate: its owner has
// withdrawn them all.
var ErrNoKey = errors.New("has no Ed25519 key for authentication that can be used")

// Key is one Ed25519 key of a DID.
type Key struct {
	// ID is the DID URL by which signatures name the key.
	ID string `json:"id"`
	// DID is the did:key of the public key.
	DID string `json:"key"`
	// Public verifies signatures.
	Public ed25519.PublicKey `json:"-"`
	// Authentication and Assertion say what the key is for: requests, and statements such as cards and delegations.
	Authentication bool `json:"authentication,omitempty"`
	Assertion      bool `json:"assertion,omitempty"`
	// Until is when the key ends by its own document; zero when it does not.
	Until time.Time `json:"until,omitzero"`
}

// same reports whether two keys are one: the same public key under the same name.
func (k Key) same(other Key) bool { return k.ID == other.ID && k.DID == other.DID }

// Document is what counts of a DID document (DID Core section 5).
type Document struct {
	// DID is whose document it is.
	DID string
	// AlsoKnownAs are the other identifiers that the document claims, in its order. Nothing proves them.
	AlsoKnownAs []string
	// Keys are those that can be used for authentication or assertion, sorted by ID.
	Keys []Key
	// Skipped are the entries that do not count.
	Skipped []Skipped
}

// Skipped is an entry of a document that does not count.
type Skipped struct {
	// Entry is where it stands, such as verificationMethod[2].
	Entry string
	// Reason completes a sentence about it.
	Reason string
}

// ParseDocument reads the document of a DID. Its id has to be the DID byte for byte. Methods that are not Ed25519
// keys of the DID itself are skipped; a document that can be read in two ways is refused as a whole, and one without
// a key for authentication gives ErrNoKey. Errors complete a sentence about the document and repeat none of its text.
func ParseDocument(raw []byte, did string) (Document, error) {
	if len(raw) > MaxDocument {
		return Document{}, fmt.Errorf("has more than %d bytes", MaxDocument)
	}
	value, err := strictjson.Parse(raw)
	if err != nil {
		return Document{}, fmt.Errorf("is not valid: %w", anonymous(err))
	}
	if value.Kind() != strictjson.Object {
		return Document{}, errors.New("is not a JSON object")
	}
	given := membersOf(value)
	if id, ok := given["id"].Text(); !ok || id != did {
		return Document{}, errors.New("is not that of the DID: its id differs")
	}
	r := reader{document: Document{DID: did}, byID: map[string]int{}}
	if err := r.readAliases(given["alsoKnownAs"]); err != nil {
		return Document{}, err
	}
	if err := r.readMethods(given["verificationMethod"]); err != nil {
		return Document{}, err
	}
	for _, relation := range []relation{authentication, assertionMethod} {
		if err := r.readRelation(relation, given[string(relation)]); err != nil {
			return Document{}, err
		}
	}
	return r.finish()
}

// anonymous takes the names out of a syntax error, which are the document's own text.
func anonymous(err error) error {
	var syntax *strictjson.Error
	if errors.As(err, &syntax) && syntax.Path != "" {
		return errors.New("a member " + syntax.Problem)
	}
	return err
}

func membersOf(object strictjson.Value) map[string]strictjson.Value {
	given := map[string]strictjson.Value{}
	for _, member := range object.Members() {
		given[member.Name] = member.Value
	}
	return given
}

// relation is a verification relationship (DID Core section 5.3).
type relation string

const (
	authentication  relation = "authentication"
	assertionMethod relation = "assertionMethod"
)

// reader collects the methods of a document by their DID URL.
type reader struct {
	document Document
	methods  []method
	byID     map[string]int
	general  int // how many of the methods may be referred to: those that stand in verificationMethod
}

func (r *reader) skip(entry, reason string) {
	r.document.Skipped = append(r.document.Skipped, Skipped{entry, reason})
}

func (r *reader) readAliases(value strictjson.Value) error {
	elements, err := elementsOf("alsoKnownAs", value, maxAliases)
	if err != nil {
		return err
	}
	for _, element := range elements {
		alias, ok := element.Text()
		if !ok || len(alias) > maxAlias {
			return fmt.Errorf("has an entry of alsoKnownAs that is not a string of at most %d bytes", maxAlias)
		}
		r.document.AlsoKnownAs = append(r.document.AlsoKnownAs, alias)
	}
	return nil
}

func (r *reader) readMethods(value strictjson.Value) error {
	elements, err := elementsOf("verificationMethod", value, maxMethods)
	if err != nil {
		return err
	}
	for i, element := range elements {
		if _, err := r.add(element, fmt.Sprintf("verificationMethod[%d]", i)); err != nil {
			return err
		}
	}
	r.general = len(r.methods)
	return nil
}

// readRelation marks the methods that a relationship names, or that stand in it and are for it alone.
func (r *reader) readRelation(which relation, value strictjson.Value) error {
	elements, err := elementsOf(string(which), value, maxMethods)
	if err != nil {
		return err
	}
	for i, element := range elements {
		entry := fmt.Sprintf("%s[%d]", which, i)
		at := -1
		switch element.Kind() {
		case strictjson.String:
			text, _ := element.Text()
			id, _ := absolute(text, r.document.DID)
			known := false
			if at, known = r.byID[id]; id == "" || !known || at >= r.general {
				r.skip(entry, "names nothing in verificationMethod")
				continue
			}
		case strictjson.Object:
			if at, err = r.add(element, entry); err != nil {
				return err
			}
		default:
			return fmt.Errorf("has an entry of %s that is neither a string nor an object", which)
		}
		if at >= 0 {
			r.methods[at].mark(which)
		}
	}
	return nil
}

// add reads a method, and returns its place among the methods, or a negative number when it has no name. The same
// method may stand in several places; two that share a name alone could be taken for each other.
func (r *reader) add(value strictjson.Value, entry string) (int, error) {
	if value.Kind() != strictjson.Object {
		return 0, fmt.Errorf("has an entry %s that is not an object", entry)
	}
	m := readMethod(membersOf(value), r.document.DID)
	m.entry = entry
	if m.key.ID == "" {
		r.skip(entry, m.problem)
		return -1, nil
	}
	at, repeated := r.byID[m.key.ID]
	if repeated {
		first := r.methods[at]
		if first.key.DID != m.key.DID || !first.key.Until.Equal(m.key.Until) {
			return 0, errors.New("has two different methods with one id")
		}
		return at, nil
	}
	if len(r.methods) >= maxMethods {
		return 0, fmt.Errorf("has more than %d methods", maxMethods)
	}
	r.byID[m.key.ID] = len(r.methods)
	r.methods = append(r.methods, m)
	return len(r.methods) - 1, nil
}

// finish returns the document with the keys that can be used.
func (r *reader) finish() (Document, error) {
	authenticates := false
	for _, m := range r.methods {
		switch {
		case m.problem != "":
			r.skip(m.entry, m.problem)
		case !m.key.Authentication && !m.key.Assertion:
			r.skip(m.entry, "is neither for authentication nor for assertionMethod")
		default:
			r.document.Keys = append(r.document.Keys, m.key)
			authenticates = authenticates || m.key.Authentication
		}
	}
	if !authenticates {
		return Document{}, r.noKey()
	}
	slices.SortFunc(r.document.Keys, func(a, b Key) int { return cmp.Compare(a.ID, b.ID) })
	return r.document, nil
}

// noKey says why, by the first few entries that were skipped.
func (r *reader) noKey() error {
	const shown = 3
	var reasons []string
	for _, skipped := range r.document.Skipped[:min(len(r.document.Skipped), shown)] {
		reasons = append(reasons, skipped.Entry+" "+skipped.Reason)
	}
	if more := len(r.document.Skipped) - shown; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	if len(reasons) == 0 {
		return ErrNoKey
	}
	return fmt.Errorf("%w: %s", ErrNoKey, strings.Join(reasons, "; "))
}

// elementsOf returns the elements of a member that is an array or absent.
func elementsOf(name string, value strictjson.Value, most int) ([]strictjson.Value, error) {
	if value == nil {
		return nil, nil
	}
	if value.Kind() != strictjson.Array {
		return nil, fmt.Errorf("has a member %s that is not an array", name)
	}
	elements := value.Elements()
	if len(elements) > most {
		return nil, fmt.Errorf("has more than %d entries of %s", most, name)
	}
	return elements, nil
}
