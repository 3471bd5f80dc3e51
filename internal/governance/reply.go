package governance

import (
	"context"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/identity"
)

// mediaType returns the media type in lower case with its charset, or what cannot be read as one as it stands.
func mediaType(h identity.Header) (media, charset string) {
	text, _ := h.Get("content-type")
	if plainMedia(text) {
		return text, ""
	}
	media, params, err := mime.ParseMediaType(text)
	if err != nil {
		return strings.ToLower(text), ""
	}
	return media, strings.ToLower(params["charset"])
}

// readable refuses answers of which clients could make something else than the mesh: compressed ones, ones in a charset
// in which ASCII is not ASCII, and ones that send clients elsewhere, past the mesh or out of HTTP.
func (r Reply) readable() Verdict {
	for _, f := range r.Header {
		if f.Name == "content-encoding" && !strings.EqualFold(strings.TrimSpace(f.Value), "identity") {
			return deny(BadAnswer, GatewaySide, "answer-encoded", "the agent's answer is compressed and cannot be judged")
		}
	}
	switch r.charset {
	case "", "utf-8", "us-ascii", "iso-8859-1", "windows-1252":
	default:
		return deny(BadAnswer, GatewaySide, "answer-charset", "the agent's answer is not in UTF-8 and cannot be judged")
	}
	switch {
	case r.Status >= 300 && r.Status < 400 && r.Status != http.StatusNotModified:
		return deny(BadAnswer, GatewaySide, "answer-redirects", "the agent redirects the call, which would lead it past the mesh")
	case r.Status < 200:
		return deny(BadAnswer, GatewaySide, "answer-switches", "the agent's answer is no HTTP response that can be judged")
	}
	return allow()
}

// words reports whether an answer that is no JSON may pass as a text: an error page, or what an agent's own method
// returns. Clients read a body without regard to its type, and some to the end of the first JSON value or in UTF-16:
// what could be JSON to them must be JSON.
func (r Reply) words(x *Exchange, body []byte) bool {
	if r.structured(x.Binding) || x.Operation.Method != a2a.OtherMethod && r.Status < 400 {
		return false
	}
	for _, c := range body {
		switch {
		case c == '{' || c == '[':
			return false
		case c > ' ' && strings.IndexByte("\xEF\xBB\xBF\xFE\xFF", c) < 0:
			return true
		}
	}
	return true
}

// structured reports whether the answer says that it is what A2A defines, or is in a stream whose parts have to be.
func (r Reply) structured(b a2a.Binding) bool {
	switch r.media {
	case "application/json", "application/a2a+json", eventStream:
		return true
	}
	return r.framed(b)
}

// Fields judges the words of the agent in the trailers, where gRPC puts its errors, or in the fields of an answer that
// has them there, and reports whether they may pass.
func (r *Relay) Fields(ctx context.Context, fields identity.Header) bool {
	var words []string
	if status, ok := fields.Get("grpc-status"); ok && status != "0" {
		r.failed = true
	}
	for _, message := range fields.Values("grpc-message") {
		// gRPC over HTTP/2 has the message percent-encoded; what is not so encoded is read as it stands, as clients do.
		if decoded, err := url.PathUnescape(message); err == nil {
			message = decoded
		}
		words = append(words, message)
	}
	for _, field := range fields.Values("grpc-status-details-bin") {
		for encoded := range strings.SplitSeq(field, ",") {
			status, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(encoded), "="))
			if err != nil {
				r.deny(deny(BadAnswer, CalleeSide, "answer-unreadable", "the details of the agent's error cannot be judged"), "answer")
				return false
			}
			words = append(words, a2a.StatusTexts(status)...)
		}
	}
	return len(words) == 0 || r.judgeWords(ctx, words...)
}

// judgeWords judges what the agent says outside its answer proper.
func (r *Relay) judgeWords(ctx context.Context, words ...string) bool {
	r.x.Unit, r.x.Rewritten, r.x.Renamed, r.x.Redacted, r.x.Answer = nil, nil, nil, nil, a2a.Answer{Kind: a2a.AnswerError}
	for _, w := range words {
		r.x.Answer.Texts = append(r.x.Answer.Texts, a2a.Text{Value: w, Kind: a2a.KindText, Author: a2a.AuthorAgent})
	}
	r.run(ctx, onFields)
	return !r.x.denied()
}
