package api

import (
	"log/slog"
	"net/http"
	"path"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

// Paths below which Cards serves.
const (
	// CardsByPath is followed by an agent's name; the card leads to <public URL>/agents/<name>.
	CardsByPath = "/cards/path/"
	// CardsByHost is followed by an agent's name and the card's file name; the card leads to the host the client
	// asked.
	CardsByHost = "/cards/host/"
	// CardsByRoot is followed by an agent's name and the card's file name; the card leads to the public URL itself.
	CardsByRoot = "/cards/root/"
)

// CardConfig says how the mesh serves cards.
type CardConfig struct {
	// Issuer rewrites and signs them.
	Issuer *cards.Issuer
	// Verbatim serves an agent's own bytes and signatures on its own host, where they already lead there.
	Verbatim bool
	// Addresses says where the cards lead.
	Addresses func() cards.Addresses
}

// Cards returns the handler from which proxies fetch the agents' cards and the keys that verify them. It needs no
// token: cards are public in the mesh, and every proxy that reaches it has already decided who may read them.
func (s *Server) Cards() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agent.KeySetPath, s.keySet)
	mux.HandleFunc("GET "+CardsByPath+"{name}", func(w http.ResponseWriter, r *http.Request) {
		base, err := s.config.Cards.Addresses().Path(agent.ID(r.PathValue("name")))
		if err != nil {
			s.cannotServe(w, r, err)
			return
		}
		s.card(w, r, base, false)
	})
	mux.HandleFunc("GET "+CardsByRoot+"{name}/{file}", s.file(func(w http.ResponseWriter, r *http.Request) {
		base, err := s.config.Cards.Addresses().Root()
		if err != nil {
			s.cannotServe(w, r, err)
			return
		}
		s.card(w, r, base, s.config.Cards.Verbatim)
	}))
	mux.HandleFunc("GET "+CardsByHost+"{name}/{file}", s.file(func(w http.ResponseWriter, r *http.Request) {
		base, err := s.config.Cards.Addresses().Host(r.Host)
		if err != nil {
			writeProblem(w, http.StatusBadRequest, "the Host field names no host")
			return
		}
		s.card(w, r, base, s.config.Cards.Verbatim)
	}))
	return s.observe(mux, problemMux(mux))
}

// file serves what is found at an agent's own root by name: its card, under either name, and the keys that verify it.
func (s *Server) file(card http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("file") {
		case path.Base(agent.CardPath), path.Base(agent.LegacyCardPath):
			card(w, r)
		case path.Base(agent.KeySetPath):
			s.keySet(w, r)
		default:
			writeProblem(w, http.StatusNotFound, "there is nothing at this path")
		}
	}
}

func (s *Server) keySet(w http.ResponseWriter, r *http.Request) {
	serve(w, r, "application/jwk-set+json", s.config.Cards.Issuer.KeySet(), time.Time{})
}

// card serves the agent's card.
func (s *Server) card(w http.ResponseWriter, r *http.Request, base agent.Base, verbatim bool) {
	record, ok := s.config.Registry.Snapshot().Agent(agent.ID(r.PathValue("name")))
	if !ok || record.Status != agent.Active {
		writeProblem(w, http.StatusNotFound, "no agent of this name takes part in the mesh")
		return
	}
	if verbatim {
		if card, ok := s.config.Cards.Issuer.Verbatim(record, base); ok {
			serve(w, r, "application/json", card, record.Updated)
			return
		}
	}
	card, err := s.config.Cards.Issuer.Card(record, base)
	if err != nil {
		s.cannotServe(w, r, err)
		return
	}
	serve(w, r, "application/json", card, record.Updated)
}

func (s *Server) cannotServe(w http.ResponseWriter, r *http.Request, err error) {
	s.config.Logger.Error("serving a card failed", slog.String("agent", r.PathValue("name")), slog.Any("error", err))
	writeProblem(w, http.StatusInternalServerError, "the card cannot be served; the log says why")
}

// serve answers with a document and the caching that A2A 1.0 section 8.6 asks for.
func serve(w http.ResponseWriter, r *http.Request, mediaType string, document cards.Issued, modified time.Time) {
	header := w.Header()
	header.Set("ETag", document.Tag)
	header.Set("Cache-Control", "max-age=60")
	if !modified.IsZero() {
		header.Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
	}
	if matchTag(r.Header.Get("If-None-Match"), document.Tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", mediaType)
	w.Write(document.Body)
}
