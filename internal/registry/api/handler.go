package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
)

// Handler returns the administrator's API.
func (s *Server) Handler() http.Handler {
	routes := problemMux(s.mux.ServeMux)
	return s.observe(s.mux.ServeMux, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, signed := agent.ID(""), false
		admitted := open[r.URL.Path] || s.config.Token.admits(r.Header.Values("Authorization")) || s.admitsOther(r)
		if !admitted {
			name, signed = s.admitsAgent(w, r)
		}
		switch {
		case admitted:
		case signed:
			r = r.WithContext(context.WithValue(r.Context(), agentKey{}, name))
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="ringfence"`)
			writeProblem(w, http.StatusUnauthorized, "send the administrator's token as Authorization: Bearer <token>")
			return
		}
		if detail := queryProblem(r.URL.RawQuery); detail != nil {
			writeProblem(w, http.StatusUnprocessableEntity, "validation failed", detail)
			return
		}
		routes.ServeHTTP(w, r)
	}))
}

// queryProblem refuses queries that two readers could read differently.
func queryProblem(raw string) *huma.ErrorDetail {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &huma.ErrorDetail{Location: "query", Message: "is not a valid query string"}
	}
	for name, list := range values {
		if len(list) > 1 {
			return &huma.ErrorDetail{Location: "query." + name, Message: "must be given once"}
		}
	}
	return nil
}

// problemMux answers what no route takes with problem details instead of the mux's plain text.
func problemMux(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := &refusalWriter{header: http.Header{}}
		handler.ServeHTTP(refusal, r)
		if refusal.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", refusal.header.Get("Allow"))
			writeProblem(w, http.StatusMethodNotAllowed, "the path takes "+refusal.header.Get("Allow"))
			return
		}
		writeProblem(w, http.StatusNotFound, "there is nothing at this path")
	})
}

// refusalWriter learns why a mux refuses a request.
type refusalWriter struct {
	header http.Header
	status int
}

func (w *refusalWriter) Header() http.Header         { return w.header }
func (w *refusalWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *refusalWriter) WriteHeader(status int)      { w.status = status }

// writeProblem answers with problem details (RFC 9457).
func writeProblem(w http.ResponseWriter, status int, detail string, errors ...*huma.ErrorDetail) {
	body, err := json.Marshal(&huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail, Errors: errors})
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

// observe counts requests by route, and keeps a failing handler from taking the connection's peer by surprise.
func (s *Server) observe(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		begun := time.Now()
		watched := &statusWriter{ResponseWriter: w}
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				s.config.Logger.Error("request failed", slog.String("route", pattern), slog.Any("cause", cause))
				if watched.status == 0 {
					writeProblem(watched, http.StatusInternalServerError, "the request could not be served; the log says why")
				}
			}
			s.config.Metrics.request(route(pattern), r.Method, watched.status, time.Since(begun))
		}()
		next.ServeHTTP(watched, r)
	})
}

// route returns the path of a mux pattern.
func route(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	return "unmatched"
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
