package envoywire

import (
	"fmt"
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
			p.name = c.bytes
		case 2:
			p.value = c.bytes
		default:
			raw = c.bytes
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
			p.name = c.bytes
		} else {
			p.value = c.bytes
		}
	}
	return p, c.err
}

// fieldOf reads a header field in either of the two forms that Envoy has for it.
func fieldOf(of shape, data []byte) (pair, error) {
	if of == headerValue {
		return headerOf(data)
	}
	return entryOf(of, data)
}

// room is how much a set of fields takes: they are counted before they are copied, so that what they are copied to is
// made once.
type room struct{ fields, bytes int }

// count adds one field.
func (r *room) count(of shape, data []byte) error {
	p, err := fieldOf(of, data)
	if err != nil {
		return err
	}
	if r.fields++; r.fields > maxFields {
		return fmt.Errorf("%s %w", names[of], errTooMany)
	}
	r.bytes += len(p.name) + len(p.value)
	return nil
}

// countAll adds all fields of an envoy.config.core.v3.HeaderMap.
func (r *room) countAll(data []byte) error {
	c := walk(headerMap, data)
	for c.next() {
		c.err = r.count(headerValue, c.bytes)
	}
	return c.err
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

// addAll adds the fields of an envoy.config.core.v3.HeaderMap that was counted, with pseudo-headers by themselves.
func (t *texts) addAll(header identity.Header, pseudo *Pseudo, data []byte) identity.Header {
	for c := walk(headerMap, data); c.next(); {
		header = t.add(header, pseudo, headerValue, c.bytes)
	}
	return header
}

// addEntries adds the entries of the map that a message has under a number, which were counted. Without a place for
// pseudo-headers they are no header fields, and keep their keys to the letter.
func (t *texts) addEntries(header identity.Header, pseudo *Pseudo, of shape, number uint64, data []byte) identity.Header {
	for c := walk(of, data); c.next(); {
		if c.number == number {
			header = t.add(header, pseudo, textEntry, c.bytes)
		}
	}
	return header
}

func (t *texts) add(header identity.Header, pseudo *Pseudo, of shape, data []byte) identity.Header {
	p, _ := fieldOf(of, data) // count has seen it
	switch {
	case pseudo == nil:
		return append(header, identity.Field{Name: t.copy(p.name), Value: t.copy(p.value)})
	case len(p.name) > 0 && p.name[0] == ':':
		pseudo.Set(t.copy(p.name[1:]), t.copy(p.value))
		return header
	default:
		return append(header, identity.Field{Name: t.name(p.name), Value: t.copy(p.value)})
	}
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
