package conformance

import (
	"context"
	"errors"
	"sync"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv/taskstore"
)

// watchedStore is a task store that tells what happens to its tasks.
type watchedStore struct {
	taskstore.Store

	mu       sync.Mutex
	watchers map[a2a.TaskID][]chan a2a.Event
}

// backlog is how many events a watcher may leave unread before it is dropped.
const backlog = 64

var errSlow = errors.New("the subscriber reads too slowly")

func newWatchedStore(store taskstore.Store) *watchedStore {
	return &watchedStore{Store: store, watchers: map[a2a.TaskID][]chan a2a.Event{}}
}

// Update implements taskstore.Store.
func (s *watchedStore) Update(ctx context.Context, r *taskstore.UpdateRequest) (taskstore.TaskVersion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	version, err := s.Store.Update(ctx, r)
	if err == nil {
		s.publish(r.Task.ID, r.Event)
	}
	return version, err
}

// publish tells the watchers of a task. Messages are part of its history, not of what happens to it.
func (s *watchedStore) publish(id a2a.TaskID, event a2a.Event) {
	if _, message := event.(*a2a.Message); message || event == nil {
		return
	}
	kept := s.watchers[id][:0]
	for _, watcher := range s.watchers[id] {
		select {
		case watcher <- event:
			kept = append(kept, watcher)
		default:
			close(watcher)
		}
	}
	s.watchers[id] = kept
}

// watch returns a task as it stands and what happens to it from there on. A watcher that reads too slowly finds
// its channel closed. Call the function to end the watch.
func (s *watchedStore) watch(ctx context.Context, id a2a.TaskID) (*a2a.Task, <-chan a2a.Event, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.Get(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	watcher := make(chan a2a.Event, backlog)
	s.watchers[id] = append(s.watchers[id], watcher)
	return stored.Task, watcher, func() { s.forget(id, watcher) }, nil
}

func (s *watchedStore) forget(id a2a.TaskID, watcher chan a2a.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.watchers[id][:0]
	for _, other := range s.watchers[id] {
		if other != watcher {
			kept = append(kept, other)
		}
	}
	if s.watchers[id] = kept; len(kept) == 0 {
		delete(s.watchers, id)
	}
}
