package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

const eventsPath = "/v1/events"

// writeTimeout bounds how long a stream's peer may take no data.
const writeTimeout = 10 * time.Second

// synced is the event that says: what was sent so far is the present state.
const synced = "synced"

// eventBody is the data of one event.
type eventBody struct {
	Name     agent.ID `json:"name,omitempty" doc:"The agent; left out in synced."`
	Revision uint64   `json:"revision" doc:"Revision of the agent, or of the registry."`
	// What follows is left out in deleted and synced.
	PendingCard   string             `json:"pendingCard,omitempty" doc:"Digest of the changed card that waits for approval."`
	CardChanges   []agent.CardChange `json:"cardChanges,omitempty" doc:"In what the card that waits differs or, when none does, in what the last change of the card differed."`
	CardChangedAt *time.Time         `json:"cardChangedAt,omitempty" doc:"When that card was found, or put in force."`
}

func (s *Server) registerEvents() {
	body := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[eventBody](), true, "Event")
	huma.Register(s.api, huma.Operation{
		OperationID: "watch-agents", Method: http.MethodGet, Path: eventsPath, Summary: "Watch agents",
		Description: "Server-sent events. First one registered event for each agent and then synced; from then on registered, replaced and " +
			"deleted as they happen. A watcher that falls behind is brought up to date and gets another synced.",
		Errors: []int{401, 503},
		Responses: map[string]*huma.Response{"200": {
			Description: "Events named registered, replaced, deleted and synced; the data of each is JSON.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: body}},
		}},
	}, s.watch)
}

func (s *Server) watch(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	select {
	case s.watchers <- struct{}{}:
	default:
		return nil, unavailable("too many watchers: close some, or try again later")
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer func() { <-s.watchers }()
		s.config.Metrics.watching(1)
		defer s.config.Metrics.watching(-1)
		_, w := humago.Unwrap(hctx)
		s.stream(ctx, newEventWriter(w))
	}}, nil
}

// stream sends the present state and then every change, until the client leaves, the server closes or the
// registry does.
func (s *Server) stream(ctx context.Context, out *eventWriter) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := s.config.Registry.Subscribe(ctx)
	ticks, stop := s.config.KeepAlive()
	defer stop()
	view := watcherView{}
	err := view.catchUp(s.config.Registry.Snapshot(), out)
	for err == nil {
		select {
		case change, ok := <-changes:
			switch {
			case !ok:
				return
			case change.Kind == registry.Resync:
				err = view.catchUp(s.config.Registry.Snapshot(), out)
			default:
				record, _ := s.config.Registry.Snapshot().Agent(change.Name)
				err = view.apply(change, record, out)
			}
		case <-ticks:
			err = out.comment("keep-alive")
		case <-s.done:
			return
		}
		if err == nil && len(changes) == 0 {
			err = out.flush()
		}
	}
}

// watcherView is what a watcher has been told: the revision of each agent.
type watcherView map[agent.ID]uint64

// apply passes on a change that the watcher does not know yet, with the agent's record as it is now, if there is
// one. Changes queue up while a snapshot that already has them is being sent.
func (v watcherView) apply(change registry.Change, record *agent.Record, out *eventWriter) error {
	body := eventBody{Name: change.Name, Revision: change.Revision}
	known, ok := v[change.Name]
	kind := change.Kind
	switch {
	case kind == registry.Deleted:
		if !ok || known > change.Revision {
			return nil
		}
		delete(v, change.Name)
	case known >= change.Revision:
		return nil
	default:
		kind = registry.Registered
		if ok {
			kind = registry.Replaced
		}
		v[change.Name] = change.Revision
		body.describe(record)
	}
	return out.event(string(kind), body)
}

// describe adds what has become of the agent's card.
func (b *eventBody) describe(record *agent.Record) {
	switch {
	case record == nil:
	case record.Pending != nil:
		b.PendingCard, b.CardChanges, b.CardChangedAt = record.Pending.Digest, record.Pending.Changes, &record.Pending.Found
	case record.CardUpdate != nil:
		b.CardChanges, b.CardChangedAt = record.CardUpdate.Changes, &record.CardUpdate.At
	}
}

// catchUp tells the watcher everything in which the snapshot differs from what it knows.
func (v watcherView) catchUp(snapshot *registry.Snapshot, out *eventWriter) error {
	for name := range v {
		if _, ok := snapshot.Agent(name); ok {
			continue
		}
		if err := v.apply(registry.Change{Kind: registry.Deleted, Name: name, Revision: snapshot.Revision()}, nil, out); err != nil {
			return err
		}
	}
	for _, record := range snapshot.Agents() {
		if err := v.apply(registry.Change{Kind: registry.Replaced, Name: record.Name, Revision: record.Revision}, record, out); err != nil {
			return err
		}
	}
	if err := out.event(synced, eventBody{Revision: snapshot.Revision()}); err != nil {
		return err
	}
	return out.flush()
}

// eventWriter writes server-sent events. It sends headers with the first event.
type eventWriter struct {
	w          http.ResponseWriter
	controller *http.ResponseController
	buffer     bytes.Buffer
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	return &eventWriter{w: w, controller: http.NewResponseController(w)}
}

func (e *eventWriter) event(name string, body eventBody) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	io.WriteString(&e.buffer, "event: "+name+"\ndata: ")
	e.buffer.Write(data)
	io.WriteString(&e.buffer, "\n\n")
	const full = 32 << 10
	if e.buffer.Len() < full {
		return nil
	}
	return e.flush()
}

func (e *eventWriter) comment(text string) error {
	io.WriteString(&e.buffer, ": "+text+"\n\n")
	return e.flush()
}

// flush sends what has gathered. Its deadline replaces the server's, which would end every stream; connections
// that know no deadlines go without.
func (e *eventWriter) flush() error {
	if e.buffer.Len() == 0 {
		return nil
	}
	_ = e.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	defer e.buffer.Reset()
	if _, err := e.w.Write(e.buffer.Bytes()); err != nil {
		return err
	}
	return e.controller.Flush()
}
