// Package envoywire holds what Envoy's two filters and Ringfence say to each other as plain values, apart from how they
// are written: one state machine serves them whether protobuf's generated code or this package reads the wire.
package envoywire

import "ringfence.dev/ringfence/internal/identity"

// Part is the part of an HTTP exchange that a message of the external processing filter brings, and that the reply to it
// speaks of. The zero value is none.
type Part uint8

// The parts, in the order in which they come.
const (
	NoPart Part = iota
	RequestHeaders
	RequestBody
	RequestTrailers
	ResponseHeaders
	ResponseBody
	ResponseTrailers
)

// BodyMode is how the filter is configured to send a body, as envoy.extensions.filters.http.ext_proc.v3.ProcessingMode
// numbers it. The zero value sends none.
type BodyMode int32

// The body modes that Ringfence uses.
const (
	BodyNone       BodyMode = 0
	BodyBuffered   BodyMode = 2
	BodyFullDuplex BodyMode = 4
)

// Pseudo holds the pseudo-headers of a message, empty where it has none.
type Pseudo struct {
	Method, Scheme, Authority, Path, Status string
}

// Set keeps a pseudo-header, given without its colon. Those that Ringfence does not read are left out.
func (p *Pseudo) Set(name, value string) {
	switch name {
	case "method":
		p.Method = value
	case "scheme":
		p.Scheme = value
	case "authority":
		p.Authority = value
	case "path":
		p.Path = value
	case "status":
		p.Status = value
	}
}

// Message is what Ringfence reads of an envoy.service.ext_proc.v3.ProcessingRequest.
type Message struct {
	// Part says which of the exchange it is.
	Part Part
	// Pseudo and Header are the fields of headers and trailers in order, names in lower case, duplicates kept.
	Pseudo Pseudo
	Header identity.Header
	// Observed says that the filter does not wait for replies, and does nothing that they say.
	Observed bool
	// Body is a body, or a piece of one.
	Body []byte
	// End says that nothing of this direction follows.
	End bool
	// Passage is what ext_authz left for the exchange in its dynamic metadata; empty where it left nothing. Envoy sends it
	// with each message; it is read with headers alone.
	Passage string
	// Source is where an answer comes from, as the attribute response.code_details says; empty where the filter does not
	// ask for it, and without headers.
	Source string
	// RequestMode and ResponseMode are how bodies are sent. Envoy says so with the first message of a stream alone.
	RequestMode, ResponseMode BodyMode
}
