package identity

import "strings"

// Bounds of what a signature may list.
const (
	maxComponents    = 32
	maxComponentName = 64
)

// appendBase appends the signature base (RFC 9421 section 2.5) of the message for the listed components.
// Params is the serialized inner list of the components with the signature's parameters (section 2.3).
func appendBase(dst []byte, m *Message, components []string, params string) ([]byte, error) {
	for _, name := range components {
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, `": `...)
		start := len(dst)
		var err error
		if dst, err = m.appendComponent(dst, name); err != nil {
			return nil, err
		}
		if !printable(dst[start:]) {
			return nil, refuse(Malformed, "the component %q has a character that cannot be signed", name)
		}
		dst = append(dst, '\n')
	}
	dst = append(dst, `"@signature-params": `...)
	return append(dst, params...), nil
}

// appendComponent appends the value of a component: a derived one (RFC 9421 section 2.2) or a field
// (section 2.1).
func (m *Message) appendComponent(dst []byte, name string) ([]byte, error) {
	switch name {
	case "@method":
		if m.Method == "" {
			return nil, refuse(Malformed, "the request has no method")
		}
		return append(dst, m.Method...), nil
	case "@authority":
		if m.Authority == "" {
			return nil, refuse(Malformed, "the request has no authority")
		}
		return appendAuthority(dst, m.Scheme, m.Authority), nil
	case "@path":
		if m.Path == "" {
			return append(dst, '/'), nil
		}
		return append(dst, m.Path...), nil
	case "@query":
		// Section 2.2.7 gives an absent query a value: the question mark alone.
		dst = append(dst, '?')
		return append(dst, m.RawQuery...), nil
	}
	dst, ok := m.Header.appendCombined(dst, name)
	if !ok {
		return nil, refuse(Malformed, "the signature covers the field %q, which the request does not have", name)
	}
	return dst, nil
}

// appendAuthority appends an authority as RFC 9421 section 2.2.3 normalises it: the host in lower case, an
// empty port and the default port of the scheme left out. Example.com:80 and example.com are the same over
// http; over https, or when the scheme is not known, they differ.
func appendAuthority(dst []byte, scheme, authority string) []byte {
	switch scheme {
	case "http":
		authority = strings.TrimSuffix(authority, ":80")
	case "https":
		authority = strings.TrimSuffix(authority, ":443")
	}
	authority = strings.TrimSuffix(authority, ":")
	for i := range len(authority) {
		c := authority[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// validComponent returns a refusal unless name is a derived component of the profile or a field name.
func validComponent(i int, name string) error {
	switch name {
	case "@method", "@authority", "@path", "@query":
		return nil
	}
	if name == "" || len(name) > maxComponentName {
		return refuse(Malformed, "component %d of the signature is not a field name", i+1)
	}
	if name[0] == '@' && fieldName(name[1:]) {
		return refuse(Unsupported, "the component %q is not supported", name)
	}
	if !fieldName(name) {
		return refuse(Malformed, "component %d of the signature is not a lower-case field name", i+1)
	}
	return nil
}

// fieldName reports whether s is a token (RFC 9110 section 5.6.2) in lower case.
func fieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

func printable(value []byte) bool {
	for _, c := range value {
		if (c < ' ' && c != '\t') || c > '~' {
			return false
		}
	}
	return true
}
