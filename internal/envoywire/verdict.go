package envoywire

import "strings"

// Verdict is what Ringfence says in an envoy.service.auth.v3.CheckResponse. The zero value denies.
type Verdict struct {
	// Allowed lets the request go on. Only then Passage, Next, Request and Answer count, and only else the others.
	Allowed bool
	// Passage is left for ext_proc in dynamic metadata, and Next for Envoy itself, unless it is empty.
	Passage, Next string
	// Request are fields that the request is given, Answer fields that its answer is.
	Request, Answer [][2]string
	// Code is the gRPC status of a denial, Status the HTTP status, Header and Body what the client is answered. Texts are
	// UTF-8.
	Code, Status int
	Header       [][2]string
	Body         []byte
}

// permissionDenied is gRPC's code for it.
const permissionDenied = 7

// GRPC returns the gRPC status of a denial. It is never OK, which Envoy takes for an allow whatever else is said.
func (v *Verdict) GRPC() int {
	if v.Code == 0 {
		return permissionDenied
	}
	return v.Code
}

// Frame returns the verdict as a CheckResponse on the wire.
func (v *Verdict) Frame() *Frame {
	if !v.Allowed {
		return v.denied()
	}
	passage := strings.ToValidUTF8(v.Passage, "\uFFFD")
	w := newWriter(size(v.Request) + size(v.Answer) + len(passage) + len(PassageKey) + len(v.Next) + len(NextKey) + 9*perField)
	metadata := w.end()
	if v.Next != "" {
		w.member(NextKey, v.Next)
	}
	w.member(PassageKey, passage)
	w.begin(4, metadata)

	ok := w.end()
	w.options(6, plainValue, v.Answer)
	w.options(2, plainValue, v.Request)
	w.begin(3, ok)

	w.begin(1, w.end()) // google.rpc.Status with code OK, which is 0
	return w.frame()
}

// member writes one entry of a google.protobuf.Struct.
func (w *writer) member(key, text string) {
	entry := w.end()
	value := w.end()
	w.text(3, text)
	w.begin(2, value)
	w.text(1, key)
	w.begin(1, entry)
}

// namespace writes an entry of a google.protobuf.Struct that is a Struct itself, with one member.
func (w *writer) namespace(name, key, text string) {
	entry := w.end()
	value := w.end()
	structure := w.end()
	w.member(key, text)
	w.begin(5, structure)
	w.begin(2, value)
	w.text(1, name)
	w.begin(1, entry)
}

func (v *Verdict) denied() *Frame {
	w := newWriter(size(v.Header) + len(v.Body) + 6*perField)
	denied := w.end()
	if len(v.Body) > 0 {
		w.octets(3, v.Body)
	}
	w.options(2, plainValue, v.Header)
	status := w.end()
	w.number(1, uint64(v.Status))
	w.begin(1, status)
	w.begin(2, denied)

	code := w.end()
	w.number(1, uint64(v.GRPC()))
	w.begin(1, code)
	return w.frame()
}
