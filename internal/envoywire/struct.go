package envoywire

import "fmt"

// member makes sure of a map of structs entry by entry and finds in it the text that stands under a path of two keys. It
// is used for metadata and for attributes. Its zero value has found nothing.
type member struct {
	outer, inner string
	seen         bool
	text         []byte
}

// entry takes one entry of the map.
func (m *member) entry(data []byte) error {
	p, err := entryOf(structEntry, data)
	if err != nil {
		return err
	}
	wanted := string(p.name) == m.outer
	if wanted && m.seen {
		return fmt.Errorf("%s %w", names[structEntry], errTwiceKey)
	}
	m.seen = m.seen || wanted
	return m.fields(p.value, wanted)
}

// fields takes a struct; wanted says that it is the one which may have the text.
func (m *member) fields(data []byte, wanted bool) error {
	seen := false
	c := walk(structure, data)
	for c.next() {
		p, err := entryOf(valueEntry, c.bytes())
		switch mine := err == nil && wanted && string(p.name) == m.inner; {
		case err != nil:
			c.err = err
		case mine && seen:
			c.err = fmt.Errorf("%s %w", names[structure], errTwiceKey)
		case mine:
			seen = true
			m.text, c.err = textOf(p.value)
		default:
			_, c.err = textOf(p.value)
		}
	}
	return c.err
}

// textOf makes sure of a google.protobuf.Value and returns its text; none when it is something else.
func textOf(data []byte) (found []byte, err error) {
	c := walk(value, data)
	for c.next() {
		if c.number == 3 {
			found = c.bytes()
		}
		c.check()
	}
	return found, c.err
}

// metadata takes an envoy.config.core.v3.Metadata.
func (m *member) metadata(data []byte) error {
	c := walk(metadata, data)
	for c.next() {
		if c.number == 1 {
			c.err = m.entry(c.bytes())
		} else {
			c.check()
		}
	}
	return c.err
}
