package store

import (
	"bytes"
	"container/heap"
	"container/list"
	"context"
	"sync"
	"time"
)

// memoryWatch feeds one watcher. It holds at most one pending change for each key, so a slow reader costs
// no more memory than the bucket itself.
type memoryWatch struct {
	out     chan Event
	present []Event
	wake    chan struct{}

	mu      sync.Mutex
	pending *list.List
	byKey   map[string]*list.Element
}

func newMemoryWatch(present []Event) *memoryWatch {
	return &memoryWatch{
		out:     make(chan Event),
		present: present,
		wake:    make(chan struct{}, 1),
		pending: list.New(),
		byKey:   map[string]*list.Element{},
	}
}

func (w *memoryWatch) push(event Event) {
	w.mu.Lock()
	if stale, ok := w.byKey[event.Key]; ok {
		w.pending.Remove(stale)
	}
	w.byKey[event.Key] = w.pending.PushBack(event)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *memoryWatch) pop() (Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	front := w.pending.Front()
	if front == nil {
		return Event{}, false
	}
	event, _ := w.pending.Remove(front).(Event)
	delete(w.byKey, event.Key)
	return event, true
}

// run delivers until the context or the store ends.
func (w *memoryWatch) run(ctx context.Context, done <-chan struct{}) {
	send := func(event Event) bool {
		event.Value = bytes.Clone(event.Value)
		select {
		case w.out <- event:
			return true
		case <-ctx.Done():
			return false
		case <-done:
			return false
		}
	}
	for _, event := range w.present {
		if !send(event) {
			return
		}
	}
	w.present = nil
	for {
		event, ok := w.pop()
		if ok {
			if !send(event) {
				return
			}
			continue
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		case <-done:
			return
		}
	}
}

// expiry says that a key, if it still has the given revision, ends at the given time.
type expiry struct {
	at       time.Time
	key      string
	revision uint64
}

// expiryQueue hands out expiries, the earliest first.
type expiryQueue struct{ items expiryHeap }

func (q *expiryQueue) add(e expiry) { heap.Push(&q.items, e) }

func (q *expiryQueue) next() (time.Time, bool) {
	if len(q.items) == 0 {
		return time.Time{}, false
	}
	return q.items[0].at, true
}

func (q *expiryQueue) due(now time.Time) (expiry, bool) {
	if at, ok := q.next(); !ok || at.After(now) {
		return expiry{}, false
	}
	e, ok := heap.Pop(&q.items).(expiry)
	return e, ok
}

type expiryHeap []expiry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { e, _ := x.(expiry); *h = append(*h, e) }
func (h *expiryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
