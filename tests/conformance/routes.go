package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
)

// Paths of the HTTP bindings.
const (
	rpcPath  = "/rpc"
	restPath = "/rest"
)

// maxBody bounds requests, in bytes.
const maxBody = 16 << 20

// routes serves the card and both HTTP bindings, each in both generations at one URL.
func (a *Agent) routes(handler a2asrv.RequestHandler) http.Handler {
	rpc := byMethod(a2asrv.NewJSONRPCHandler(handler), a2av0.NewJSONRPCHandler(handler))
	mux := http.NewServeMux()
	mux.Handle(rpcPath, rpc)
	mux.Handle(rpcPath+"/", rpc)
	mux.Handle(restPath+"/", http.StripPrefix(restPath, a2asrv.NewRESTHandler(handler)))
	mux.Handle(restPath+a2av0.RESTPathPrefix+"/", http.StripPrefix(restPath, restNames(a2av0.NewRESTHandler(handler))))
	public := a2av0.NewStaticAgentCardProducer(card(a.URL, a.GRPC))
	mux.Handle(a2asrv.WellKnownAgentCardPath, cached(a2asrv.NewAgentCardHandler(public)))
	return parameterInQuery(plainErrors(http.MaxBytesHandler(mux, maxBody)))
}

// byMethod leads JSON-RPC calls to the generation whose methods they name: those of 0.3 have a slash.
func byMethod(current, legacy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		var call rpcCall
		// What cannot be read here is for the handlers to refuse.
		readable := json.Unmarshal(body, &call) == nil
		next := current
		switch {
		case !isJSON(r.Header.Get("Content-Type")):
			refuseType(w, call.ID)
			return
		case readable && strings.Contains(call.Method, "/"):
			next = legacy
		case readable:
			body = call.renamed(body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// isJSON reports whether a content type is one of A2A's; a request without one is read as JSON.
func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "", "application/json", "application/a2a+json":
		return true
	}
	return false
}

// refuseType answers with ContentTypeNotSupported (A2A 1.0 section 9.5).
func refuseType(w http.ResponseWriter, id json.RawMessage) {
	if id == nil {
		id = json.RawMessage("null")
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32005,"message":"incompatible content types","data":[`+
		`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONTENT_TYPE_NOT_SUPPORTED","domain":"a2a-protocol.org"}]}}`, id)
}

// parameterInQuery lets the version stand in the query (A2A 1.0 section 3.6.1).
func parameterInQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if version := r.URL.Query().Get(versionParameter); version != "" && r.Header.Get(versionParameter) == "" {
			r.Header.Set(versionParameter, version)
		}
		next.ServeHTTP(w, r)
	})
}

// cached adds what lets clients keep a card and ask whether it has changed (A2A 1.0 section 8.6).
func cached(card http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &buffer{header: http.Header{}, status: http.StatusOK}
		card.ServeHTTP(answer, r)
		sum := sha256.Sum256(answer.body.Bytes())
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", Epoch.Format(http.TimeFormat))
		if answer.status == http.StatusOK && r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.WriteHeader(answer.status)
		w.Write(answer.body.Bytes()) //nolint:errcheck // the client has gone
	})
}

// buffer keeps an answer.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header         { return b.header }
func (b *buffer) WriteHeader(status int)      { b.status = status }
func (b *buffer) Write(p []byte) (int, error) { return b.body.Write(p) }
