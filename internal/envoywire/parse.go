package envoywire

import (
	"fmt"

	"ringfence.dev/ringfence/internal/identity"
)

// Where Envoy puts what the two filters hand to each other and ask for, whatever they are called.
const (
	// MetadataNamespace is that of ext_authz's dynamic metadata, and PassageKey the member of it that is Ringfence's.
	MetadataNamespace = "envoy.filters.http.ext_authz"
	PassageKey        = "ringfence"
	// NextKey is the member that tells Envoy how a call goes on.
	NextKey = "next"
	// NextAnswer and NextPass are what may stand there: that the answer is to be judged, and that nothing more is. Without
	// either, all is.
	NextAnswer = "answer"
	NextPass   = "pass"
	// AttributesKey is that of the attributes for which ext_proc asks, and SourceAttribute the one that says where an
	// answer comes from: FromAgent, or what made Envoy answer by itself.
	AttributesKey   = "envoy.filters.http.ext_proc"
	SourceAttribute = "response.code_details"
	FromAgent       = "via_upstream"
)

// Parse reads a ProcessingRequest in the place of what m held. Its texts are copied, its body is part of data. It refuses
// what the generated code refuses, and more, as ParseCheck does.
func (m *Message) Parse(data []byte) error {
	r := messageReader{
		passage: member{outer: MetadataNamespace, inner: PassageKey},
		source:  member{outer: AttributesKey, inner: SourceAttribute},
	}
	*m = Message{}
	err := r.read(data, m)
	if err == nil {
		err = r.copy(m)
	}
	if err != nil {
		*m = Message{}
		return fmt.Errorf("reading processing request: %w", err)
	}
	return nil
}

// messageReader holds what is read of a processing request before it is copied.
type messageReader struct {
	headers         []byte
	passage, source member
}

// parts are the parts by the number of the field that holds them.
var parts = [fieldNumbers]Part{
	2: RequestHeaders, 3: ResponseHeaders, 4: RequestBody, 5: ResponseBody, 6: RequestTrailers, 7: ResponseTrailers,
}

func (r *messageReader) read(data []byte, m *Message) error {
	c := walk(processingRequest, data)
	for c.next() {
		switch c.number {
		case 2, 3:
			m.Part = parts[c.number]
			c.err = r.readHeaders(c.bytes(), m)
		case 4, 5:
			m.Part = parts[c.number]
			c.err = readBody(c.bytes(), m)
		case 6, 7:
			m.Part, m.End = parts[c.number], true
			c.err = r.readTrailers(c.bytes())
		case 8:
			c.err = r.passage.metadata(c.bytes())
		case 9:
			c.err = r.source.entry(c.bytes())
		case 10:
			m.Observed = c.bits != 0
		case 11:
			c.err = readConfiguration(c.bytes(), m)
		default:
			c.check()
		}
	}
	return c.err
}

func (r *messageReader) readHeaders(data []byte, m *Message) error {
	c := walk(httpHeaders, data)
	for c.next() {
		switch c.number {
		case 1:
			r.headers = c.bytes()
		case 3:
			m.End = c.bits != 0
		default:
			c.check()
		}
	}
	return c.err
}

func readBody(data []byte, m *Message) error {
	c := walk(httpBody, data)
	for c.next() {
		switch c.number {
		case 1:
			m.Body = c.bytes()
		case 2:
			m.End = c.bits != 0
		}
	}
	return c.err
}

func (r *messageReader) readTrailers(data []byte) error {
	c := walk(httpTrailers, data)
	for c.next() {
		r.headers = c.bytes()
	}
	return c.err
}

func readConfiguration(data []byte, m *Message) error {
	c := walk(protocolConfiguration, data)
	for c.next() {
		switch c.number {
		case 1:
			m.RequestMode = BodyMode(c.bits)
		case 2:
			m.ResponseMode = BodyMode(c.bits)
		}
	}
	return c.err
}

// copy gives the message the texts that were read.
func (r *messageReader) copy(m *Message) error {
	if m.Part == RequestBody || m.Part == ResponseBody || m.Part == NoPart {
		return nil
	}
	fields, err := count(r.headers)
	if err != nil {
		return err
	}
	var t texts
	t.all.Grow(len(r.headers) + len(r.passage.text) + len(r.source.text))
	if m.Part == RequestHeaders || m.Part == ResponseHeaders {
		m.Passage, m.Source = t.copy(r.passage.text), t.copy(r.source.text)
	}
	m.Header, err = t.addAll(make(identity.Header, 0, fields), &m.Pseudo, r.headers)
	return err
}
