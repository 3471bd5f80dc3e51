package envoywire

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Modes of envoy.extensions.filters.http.ext_proc.v3.ProcessingMode.
const (
	sendHeaders    = 1
	bodyBuffered   = uint64(BodyBuffered)
	bodyFullDuplex = uint64(BodyFullDuplex)
)

// replace is envoy.service.ext_proc.v3.CommonResponse.CONTINUE_AND_REPLACE.
const replace = 1

// replyNumbers are the fields of a ProcessingResponse that answer a part. That of none is the immediate response.
var replyNumbers = [...]protowire.Number{
	NoPart: 7, RequestHeaders: 1, ResponseHeaders: 2, RequestBody: 3, ResponseBody: 4, RequestTrailers: 5, ResponseTrailers: 6,
}

// The replies that change nothing are most of them; they are written once.
var plain = plainReplies()

func plainReplies() (frames [2][len(replyNumbers)]*Frame) {
	for _, part := range []Part{RequestHeaders, RequestBody, RequestTrailers, ResponseHeaders, ResponseTrailers} {
		for i, ask := range []bool{false, true} {
			r := Reply{Part: part, Ask: ask}
			data := r.write().data
			frames[i][part] = &Frame{data: mem.BufferSlice{mem.SliceBuffer(data.Materialize())}}
		}
	}
	return frames
}

// Frame returns the reply as a ProcessingResponse on the wire. What it returns for replies that change nothing is shared.
func (r *Reply) Frame() *Frame {
	if int(r.Part) >= len(replyNumbers) {
		return &Frame{} // cannot be sent
	}
	asked := 0
	if r.Ask {
		asked = 1
	}
	if r.Plain() {
		return plain[asked][r.Part]
	}
	return r.write()
}

// Plain reports whether the reply lets a part pass as it is, and asks for the agent's answer at most.
func (r *Reply) Plain() bool {
	return r.Part != NoPart && r.Part != ResponseBody && r.Part <= ResponseTrailers && r.Next == "" && !r.changes()
}

// changes reports whether the reply does more than to let a part pass as it is.
func (r *Reply) changes() bool {
	return r.Replace || len(r.Set) > 0 || len(r.Remove) > 0 || len(r.Body) > 0
}

func (r *Reply) write() *Frame {
	n := size(r.Set) + len(r.Body) + len(r.Details) + 8*perField
	if r.Next != "" {
		n += len(MetadataNamespace) + len(NextKey) + len(r.Next) + 8*perField
	}
	for _, name := range r.Remove {
		n += len(name) + perField
	}
	w := newWriter(n)
	if r.Ask {
		w.mode()
	}
	if r.Next != "" {
		metadata := w.end()
		w.namespace(MetadataNamespace, NextKey, r.Next)
		w.begin(8, metadata)
	}
	end := w.end()
	switch r.Part {
	case NoPart:
		r.immediate(&w)
	case RequestTrailers, ResponseTrailers:
		r.mutation(&w, 1)
	case ResponseBody:
		r.piece(&w)
	default:
		r.change(&w)
	}
	w.begin(replyNumbers[r.Part], end)
	return w.frame()
}

// mode asks for the agent's answer. Envoy takes the body modes literally, so the request's is said again.
func (w *writer) mode() {
	end := w.end()
	w.number(6, sendHeaders)
	w.number(5, sendHeaders)
	w.number(4, bodyFullDuplex)
	w.number(3, bodyBuffered)
	w.number(2, sendHeaders)
	w.number(1, sendHeaders)
	w.begin(9, end)
}

// change writes what a reply changes of headers or of a request's body.
func (r *Reply) change(w *writer) {
	if !r.changes() {
		return
	}
	common := w.end()
	if len(r.Body) > 0 {
		mutation := w.end()
		w.octets(1, r.Body)
		w.begin(3, mutation)
	}
	r.mutation(w, 2)
	if r.Replace {
		w.number(1, replace)
	}
	w.begin(1, common)
}

// mutation writes what a reply changes of fields.
func (r *Reply) mutation(w *writer, number protowire.Number) {
	if len(r.Set) == 0 && len(r.Remove) == 0 {
		return
	}
	end := w.end()
	for i := len(r.Remove) - 1; i >= 0; i-- {
		w.text(2, r.Remove[i])
	}
	w.options(1, rawValue, r.Set)
	w.begin(number, end)
}

// piece writes the next piece of an answer, of which an empty one may be the last.
func (r *Reply) piece(w *writer) {
	common := w.end()
	mutation := w.end()
	streamed := w.end()
	if r.End {
		w.number(2, 1)
	}
	if len(r.Body) > 0 {
		w.octets(1, r.Body)
	}
	w.begin(3, streamed)
	w.begin(3, mutation)
	w.begin(1, common)
}

func (r *Reply) immediate(w *writer) {
	if r.Details != "" {
		w.text(5, r.Details)
	}
	if len(r.Body) > 0 {
		w.octets(3, r.Body)
	}
	fields := w.end()
	w.options(1, rawValue, r.Set)
	w.begin(2, fields)
	status := w.end()
	w.number(1, uint64(r.Status))
	w.begin(1, status)
}
