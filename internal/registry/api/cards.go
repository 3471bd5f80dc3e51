package api

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// Paths below which Cards serves.
const (
	// CardsByPath is followed by an agent's name; the card leads to <public URL>/agents/<name>.
	CardsByPath = "/cards/path/"
	// CardsByHost is followed by an agent's name and the card's file name; the card leads to the host the client
	// asked.
	CardsByHost = "/cards/host/"
)

// Cards returns the handler from which proxies fetch the agents' cards. It needs no token: cards are public in the
// mesh, and every proxy that reaches it has already decided who may read them.
func (s *Server) Cards() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+CardsByPath+"{name}", func(w http.ResponseWriter, r *http.Request) {
		s.card(w, r, s.meshURL(agent.ID(r.PathValue("name"))))
	})
	mux.HandleFunc("GET "+CardsByHost+"{name}/{file}", func(w http.ResponseWriter, r *http.Request) {
		if file := r.PathValue("file"); file != path.Base(agent.CardPath) && file != path.Base(agent.LegacyCardPath) {
			writeProblem(w, http.StatusNotFound, "there is nothing at this path")
			return
		}
		public, err := url.Parse(s.config.PublicURL())
		base := ""
		if err == nil {
			base = public.Scheme + "://" + strings.ToLower(r.Host)
		}
		if agent.CheckURL(base) != nil || strings.Contains(r.Host, "/") {
			writeProblem(w, http.StatusBadRequest, "the Host field names no host")
			return
		}
		s.card(w, r, base)
	})
	return s.observe(mux, problemMux(mux))
}

// card serves the agent's card with the caching that A2A 1.0 section 8.6 asks for.
func (s *Server) card(w http.ResponseWriter, r *http.Request, base string) {
	record, ok := s.config.Registry.Snapshot().Agent(agent.ID(r.PathValue("name")))
	if !ok || record.Status != agent.Active {
		writeProblem(w, http.StatusNotFound, "no agent of this name takes part in the mesh")
		return
	}
	body, err := record.Card.Served(base)
	if err != nil {
		s.config.Logger.Error("serving a card failed", slog.String("agent", string(record.Name)), slog.Any("error", err))
		writeProblem(w, http.StatusInternalServerError, "the card cannot be served; the log says why")
		return
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	header := w.Header()
	header.Set("ETag", tag)
	header.Set("Cache-Control", "max-age=60")
	header.Set("Last-Modified", record.Updated.UTC().Format(http.TimeFormat))
	if matchTag(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	w.Write(body)
}
