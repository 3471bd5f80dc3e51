package envoywire

import (
	"fmt"

	"ringfence.dev/ringfence/internal/identity"
)

// Check is what Ringfence reads of an envoy.service.auth.v3.CheckRequest.
type Check struct {
	// Method, Scheme, Authority and Path are the request's, Path with the query.
	Method, Scheme, Authority, Path string
	// Header holds all other fields, names in lower case: in order, duplicates kept, where Envoy sends raw headers; else
	// sorted by name.
	Header identity.Header
	// Principal is that of the connection's client certificate; empty when there is none.
	Principal string
	// Extensions are the context extensions of the route.
	Extensions Extensions
	// Body is the request's, where the filter is configured to send it; nil else.
	Body []byte
}

// Extensions are what a route says of itself, in no order that means anything.
type Extensions identity.Header

// Get returns the value of a key; empty when it is not there.
func (e Extensions) Get(key string) string {
	for _, f := range e {
		if f.Name == key {
			return f.Value
		}
	}
	return ""
}

// ParseCheck reads a CheckRequest. Its texts are copied, its body is part of data. It refuses what the generated code
// refuses, and more: fields that the API does not have, that come twice or with the wrong wire type, keys of maps that
// come twice, more than 8,192 header fields, and messages nested deeper than 100.
func ParseCheck(data []byte) (Check, error) {
	var r checkReader
	if err := r.read(data); err != nil {
		return Check{}, fmt.Errorf("reading check: %w", err)
	}
	check, err := r.copied()
	if err != nil {
		return Check{}, fmt.Errorf("reading check: %w", err)
	}
	return check, nil
}

// checkReader holds what is read of a check before it is copied.
type checkReader struct {
	attributes, http, headers             []byte // messages
	principal, method, path, host, scheme []byte
	body, raw                             []byte
	plain, extensions                     room
}

// room is how much the entries of a map take.
type room struct{ entries, bytes int }

// count adds one entry of a map of texts.
func (r *room) count(c *cursor) {
	p, err := entryOf(textEntry, c.bytes())
	if c.err = err; err != nil {
		return
	}
	r.bytes += len(p.name) + len(p.value)
	if r.entries++; r.entries > maxFields {
		c.refuse(errTooMany)
	}
}

func (r *checkReader) read(data []byte) error {
	c := walk(checkRequest, data)
	for c.next() {
		r.attributes = c.bytes()
		c.err = r.readAttributes(c.bytes())
	}
	return c.err
}

func (r *checkReader) readAttributes(data []byte) error {
	c := walk(attributeContext, data)
	for c.next() {
		switch c.number {
		case 1:
			c.err = r.readSource(c.bytes())
		case 4:
			c.err = r.readRequest(c.bytes())
		case 10:
			r.extensions.count(&c)
		default:
			c.check()
		}
	}
	return c.err
}

func (r *checkReader) readSource(data []byte) error {
	c := walk(peer, data)
	for c.next() {
		if c.number == 4 {
			r.principal = c.bytes()
		}
		c.check()
	}
	return c.err
}

func (r *checkReader) readRequest(data []byte) error {
	c := walk(requestAttributes, data)
	for c.next() {
		if c.number == 2 {
			r.http = c.bytes()
			c.err = r.readHTTP(c.bytes())
		} else {
			c.check()
		}
	}
	return c.err
}

func (r *checkReader) readHTTP(data []byte) error {
	c := walk(httpRequest, data)
	for c.next() {
		switch c.number {
		case 2:
			r.method = c.bytes()
		case 3:
			r.plain.count(&c)
		case 4:
			r.path = c.bytes()
		case 5:
			r.host = c.bytes()
		case 6:
			r.scheme = c.bytes()
		case 11:
			r.body = c.bytes()
		case 12:
			r.raw = c.bytes()
		case 13:
			r.headers = c.bytes()
		}
	}
	return c.err
}

// copied returns what was read. Envoy fills header_map when encode_raw_headers is on, headers otherwise.
func (r *checkReader) copied() (Check, error) {
	ordered, err := count(r.headers)
	if err != nil {
		return Check{}, err
	}
	var t texts
	t.all.Grow(len(r.headers) + r.plain.bytes + r.extensions.bytes + len(r.principal) + len(r.method) + len(r.path) + len(r.host) + len(r.scheme))
	check := Check{
		Method: t.copy(r.method), Scheme: t.copy(r.scheme), Authority: t.copy(r.host), Path: t.copy(r.path),
		Principal: t.copy(r.principal), Body: r.raw,
	}
	if check.Body == nil {
		check.Body = r.body
	}
	fields := make(identity.Header, 0, max(ordered, r.plain.entries)+r.extensions.entries)
	if fields, err = r.header(fields, &t, ordered); err != nil {
		return Check{}, err
	}
	check.Header = fields[:len(fields):len(fields)]
	extensions := fields[len(fields):]
	for c := walk(attributeContext, r.attributes); c.next(); {
		if c.number == 10 {
			p, _ := entryOf(textEntry, c.bytes()) // count has seen it
			extensions = append(extensions, identity.Field{Name: t.copy(p.name), Value: t.copy(p.value)})
		}
	}
	if !sortedOnce(extensions) {
		return Check{}, fmt.Errorf("field 10 of %s %w", names[attributeContext], errTwiceKey)
	}
	check.Extensions = Extensions(extensions)
	return check, nil
}

func (r *checkReader) header(fields identity.Header, t *texts, ordered int) (identity.Header, error) {
	var pseudo Pseudo // a check has them by themselves
	if ordered > 0 {
		return t.addAll(fields, &pseudo, r.headers)
	}
	for c := walk(httpRequest, r.http); c.next(); {
		if c.number == 3 {
			p, _ := entryOf(textEntry, c.bytes()) // count has seen it
			fields = t.add(fields, &pseudo, p)
		}
	}
	if !sortedOnce(fields) {
		return nil, fmt.Errorf("field 3 of %s %w", names[httpRequest], errTwiceKey)
	}
	return fields, nil
}
