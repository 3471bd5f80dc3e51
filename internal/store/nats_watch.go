package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	watchBuffer = 64
	// readerPatience is how long a watch waits for its reader before it counts as lost.
	readerPatience = time.Minute
	// syncProbe is how often a watch that is not yet synced asks whether anything is left to deliver.
	syncProbe = time.Second

	operationHeader = "KV-Operation"
)

// natsWatch feeds one watcher from an ordered consumer, which redelivers what it finds missing.
type natsWatch struct {
	bucket  *natsBucket
	sub     *nats.Subscription
	subject string
	msgs    chan *nats.Msg
	ended   chan struct{} // closed when nothing follows in msgs
	out     chan Event
	last    uint64
	initial *initialState // nil once synced
}

// initialState decides when every key stored at the start was delivered. The server sends the last message of
// each key first; a key rewritten before its turn moves behind later ones, so counting does not tell.
type initialState struct {
	pending, count uint64
	// seen holds the keys that had a message; true when the last was a value, whose removal has to be told.
	seen map[string]bool
	// target is, once it was needed, the sequence up to which everything has to be delivered.
	target uint64
}

// Watch subscribes before it returns. It ends when the connection breaks, because a removal's trace may be
// gone before the connection is back.
func (b *natsBucket) Watch(ctx context.Context) (<-chan Event, error) {
	s := b.store
	s.mu.Lock()
	session := s.session
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	s.watches.Add(1)
	s.mu.Unlock()
	ctx, release, err := s.bind(ctx, session)
	if err != nil {
		s.watches.Done()
		return nil, err
	}
	w := &natsWatch{
		bucket: b, subject: "$KV." + b.name + ".>", out: make(chan Event, watchBuffer),
		msgs: make(chan *nats.Msg), ended: make(chan struct{}), initial: &initialState{seen: map[string]bool{}},
	}
	if err = w.subscribe(ctx); err != nil {
		err = s.failure(ctx, "watching "+b.name, err)
		release()
		s.watches.Done()
		return nil, err
	}
	go func() {
		defer s.watches.Done()
		defer close(w.out)
		defer release()
		w.run(ctx)
		// The connection may be the reason to be here, and the server drops an idle consumer by itself.
		_ = w.sub.Unsubscribe()
	}()
	return w.out, nil
}

// subscribe has messages handed over until ctx ends. Without a callback, each subscription would have room for 65,536
// messages all the time, and none for more; what waits for a callback is a list.
func (w *natsWatch) subscribe(ctx context.Context) (err error) {
	hand := func(msg *nats.Msg) {
		select {
		case w.msgs <- msg:
		case <-ctx.Done():
		}
	}
	w.sub, err = w.bucket.store.push.Subscribe(w.subject, hand,
		nats.BindStream("KV_"+w.bucket.name), nats.OrderedConsumer(), nats.DeliverLastPerSubject())
	if err != nil {
		return err
	}
	end := sync.OnceFunc(func() { close(w.ended) })
	w.sub.SetClosedHandler(func(string) { end() })
	if !w.sub.IsValid() {
		end() // it may have closed before there was a handler
	}
	return nil
}

func (w *natsWatch) run(ctx context.Context) {
	pending, err := w.sub.InitialConsumerPending()
	w.initial.pending = pending
	if err == nil && pending == 0 && w.complete(ctx, true) && !w.sync(ctx) {
		return
	}
	for {
		msg, err := w.next(ctx)
		if err != nil {
			return
		}
		caughtUp := msg == nil
		if msg != nil {
			meta, err := msg.Metadata()
			if err != nil || meta.Sequence.Stream <= w.last {
				return
			}
			w.last, caughtUp = meta.Sequence.Stream, meta.NumPending == 0
			if !w.deliver(ctx, msg) {
				return
			}
		}
		if w.initial != nil && w.complete(ctx, caughtUp) && !w.sync(ctx) {
			return
		}
	}
}

// next returns the next message, or nil when there was none for a while and the watch is not yet synced.
func (w *natsWatch) next(ctx context.Context) (*nats.Msg, error) {
	var probe <-chan time.Time
	if w.initial != nil {
		timer := time.NewTimer(syncProbe)
		defer timer.Stop()
		probe = timer.C
	}
	select {
	case msg := <-w.msgs:
		return msg, nil
	case <-probe:
		return nil, nil
	case <-w.ended:
		return nil, nats.ErrBadSubscription
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// complete reports that every key stored at the start was delivered. It asks the stream's leader, because the
// consumer may live on a replica that lags.
func (w *natsWatch) complete(ctx context.Context, caughtUp bool) bool {
	if w.initial.reached(w.last) || !w.initial.worthAsking(caughtUp) {
		return w.initial.reached(w.last)
	}
	stream := w.bucket.stream
	_, err := stream.GetMsg(ctx, w.last+1, jetstream.WithGetMsgSubject(w.subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true
	}
	if w.initial.target != 0 {
		return false
	}
	// Others write all the time: wait for what is written by now. What takes the place of a message comes behind it.
	info, err := stream.Info(ctx)
	if err != nil {
		return false
	}
	w.initial.target = info.State.LastSeq
	return w.initial.reached(w.last)
}

// worthAsking tells when the server may have delivered all. Its own count of what is pending trails the
// writes, so it proves nothing.
func (s *initialState) worthAsking(caughtUp bool) bool {
	return caughtUp || s.target == 0 && s.count >= s.pending
}

func (s *initialState) reached(last uint64) bool { return s.target != 0 && last >= s.target }

// note remembers a key's message and tells whether the watcher is to hear of it.
func (s *initialState) note(event Event) bool {
	known := s.seen[event.Key]
	s.count++
	s.seen[event.Key] = !event.Deleted
	return known || !event.Deleted
}

func (w *natsWatch) sync(ctx context.Context) bool {
	w.initial = nil
	return w.send(ctx, Event{Synced: true})
}

func (w *natsWatch) key(subject string) string { return subject[len(w.subject)-1:] }

func (w *natsWatch) deliver(ctx context.Context, msg *nats.Msg) bool {
	event := Event{Entry: Entry{Key: w.key(msg.Subject), Revision: w.last}}
	if msg.Header.Get(operationHeader) != "" || msg.Header.Get(jetstream.MarkerReasonHeader) != "" {
		event.Deleted = true
	} else {
		event.Value = msg.Data
	}
	if w.initial != nil && !w.initial.note(event) {
		return true
	}
	return w.send(ctx, event)
}

func (w *natsWatch) send(ctx context.Context, event Event) bool {
	select {
	case w.out <- event:
		return true
	default:
	}
	patience := time.NewTimer(readerPatience)
	defer patience.Stop()
	select {
	case w.out <- event:
		return true
	case <-ctx.Done():
	case <-patience.C:
		w.bucket.store.log.LogAttrs(ctx, slog.LevelWarn, "store watch lost, its reader stalled", slog.String("bucket", w.bucket.name))
	}
	return false
}
