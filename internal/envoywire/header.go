package envoywire

import (
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/identity"
)

// pair is an entry of a map, or a header field, as it lies in what is read.
type pair struct{ name, value []byte }

// headerOf reads an envoy.config.core.v3.HeaderValue. RawValue counts before Value: only it is exact.
func headerOf(data []byte) (pair, error) {
	var p pair
	var raw []byte
	c := walk(headerValue, data)
	for c.next() {
		switch c.number {
		case 1:
			p.name = c.bytes()
		case 2:
			p.value = c.bytes()
		default:
			raw = c.bytes()
		}
	}
	if len(raw) > 0 {
		p.value = raw
	}
	return p, c.err
}

// entryOf reads an entry of a map whose keys are texts.
func entryOf(of shape, data []byte) (pair, error) {
	var p pair
	c := walk(of, data)
	for c.next() {
		if c.number == 1 {
			p.name = c.bytes()
		} else {
			p.value = c.bytes()
		}
	}
	return p, c.err
}

// count returns how many fields an envoy.config.core.v3.HeaderMap has, so that what they are copied to is made once.
func count(data []byte) (n int, err error) {
	c := walk(headerMap, data)
	for c.next() {
		if n++; n > maxFields {
			c.refuse(errTooMany)
		}
	}
	return n, c.err
}

// texts copies what is read of a message into one string, of which all others are parts: what is read belongs to the gRPC
// server, which uses it again.
type texts struct{ all strings.Builder }

func (t *texts) copy(b []byte) string {
	at := t.all.Len()
	t.all.Write(b)
	return t.all.String()[at:]
}

// name copies the name of a field in lower case, as HTTP/2 and Envoy have it already.
func (t *texts) name(b []byte) string {
	for _, c := range b {
		if c >= 0x80 || c >= 'A' && c <= 'Z' {
			return strings.ToLower(string(b))
		}
	}
	return t.copy(b)
}

// addAll adds the fields of an envoy.config.core.v3.HeaderMap, with pseudo-headers by themselves.
func (t *texts) addAll(header identity.Header, pseudo *Pseudo, data []byte) (identity.Header, error) {
	c := walk(headerMap, data)
	for c.next() {
		p, err := headerOf(c.bytes())
		c.err = err
		header = t.add(header, pseudo, p)
	}
	return header, c.err
}

func (t *texts) add(header identity.Header, pseudo *Pseudo, p pair) identity.Header {
	if len(p.name) > 0 && p.name[0] == ':' {
		pseudo.Set(t.copy(p.name[1:]), t.copy(p.value))
		return header
	}
	return append(header, identity.Field{Name: t.name(p.name), Value: t.copy(p.value)})
}

// sortedOnce sorts fields that came as a map, whose order says nothing, and reports whether each name comes once.
func sortedOnce(fields identity.Header) bool {
	slices.SortFunc(fields, func(a, b identity.Field) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(fields); i++ {
		if fields[i].Name == fields[i-1].Name {
			return false
		}
	}
	return true
}
