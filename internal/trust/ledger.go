package trust

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// Config says what a Ledger works with. Every field is required but those that say what nil means.
type Config struct {
	// Bucket holds the histories and nothing else.
	Bucket store.Bucket
	// Now is the clock.
	Now func() time.Time
	// Logger is told when the store fails and when it works again, and about histories that cannot be read.
	Logger *slog.Logger
	// Rules are those under which new events are counted, and standings computed.
	Rules Rules
	// Weights override what signals count; nil overrides nothing.
	Weights Weights
	// Quarantine names kinds of signals, and reasons of decision records, that quarantine beside LinkForged. Only what
	// counts against a caller can.
	Quarantine []string
	// Agent returns the registration of an agent.
	Agent func(agent.ID) (*agent.Record, bool)
	// Recorded is told each event that this process has stored, in the order of each agent's events; it must not block.
	// Nil tells nobody.
	Recorded func(Entry)
	// Changed is told after the image has changed; it must not block. Nil tells nobody.
	Changed func()
}

// Ledger knows what all agents have earned. It keeps one history for each of them in the store, where every process of the
// mesh appends what its enforcement points see; the order in which the store took it is the order of the events. A process
// that is killed loses what it had not stored yet, which is at most a second's signals while the store works, and what one
// counterparty alone brought about, which waits for something else to be stored with.
//
// What quarantines counts in the process that saw it at once, whether it can be stored or not; in others, when it is.
//
// Every method may be called by many goroutines at once.
type Ledger struct {
	config  Config
	version string
	mirror  *mirror.Mirror[*History]
	image   atomic.Pointer[Image]
	heirs   *heirs
	queue   *queue
	recent  recent
	held    *quarantine
	backlog backlog
	counts  counts
	stop    context.CancelFunc
	running sync.WaitGroup
}

// writersCount is how many writes are under way at once.
const writersCount = 8

// Open loads all histories and works until Close; ctx bounds the loading alone.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	problems := []error{config.Rules.Validate(), config.Weights.Validate()}
	for _, word := range config.Quarantine {
		problems = append(problems, CheckQuarantine(word))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("opening the trust ledger: %w", err)
	}
	l := &Ledger{
		config: config, version: config.Rules.Version(),
		heirs: newHeirs(config.Agent, config.Rules), queue: newQueue(), held: newQuarantine(),
	}
	reflected := mirror.Config[*History]{
		Bucket: config.Bucket, Kind: "trust histories", Now: config.Now, Logger: config.Logger, Decode: l.decode, Changed: l.reflect,
	}
	var err error
	if l.mirror, err = mirror.Open(ctx, reflected); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	for range writersCount {
		l.running.Go(func() { l.write(background) })
	}
	return l, nil
}

// reflect ends what is held of agents of which the image has it by now, and tells of the change.
func (l *Ledger) reflect(names []string) {
	for _, name := range names {
		l.settle(agent.ID(name))
	}
	l.changed()
}

func (l *Ledger) settle(name agent.ID) {
	if l.held.present.Load().none() {
		return
	}
	known, _ := l.mirror.Image().Get(string(name))
	l.held.settle(name, known)
}

func (l *Ledger) changed() {
	if l.config.Changed != nil {
		l.config.Changed()
	}
}

// decode reads an entry of the store. What cannot be read quarantines its agent: as an error, the mirror would take it for
// nothing known against it.
func (l *Ledger) decode(entry store.Entry) (*History, error) {
	h, err := decodeHistory(entry.Value)
	if err != nil {
		l.config.Logger.Error("a trust history cannot be read; its agent is quarantined until a person clears it",
			slog.String("agent", entry.Key), slog.Any("error", err))
		return broken, nil
	}
	l.heirs.note(h.state.Owner, agent.ID(entry.Key))
	for i := range h.events {
		l.heirs.note(h.events[i].Owner, agent.ID(entry.Key))
	}
	return h, nil
}

// Close stores what waits, and stops. It returns an error when ctx ended before all was stored; what was not is lost.
func (l *Ledger) Close(ctx context.Context) error {
	err := l.queue.drain(ctx)
	l.stop()
	l.running.Wait()
	l.mirror.Close()
	if err != nil {
		return fmt.Errorf("storing the last trust events: %w", err)
	}
	return nil
}

// Image returns what is known of all agents now. It is never nil.
func (l *Ledger) Image() *Image {
	// In this order, what is held no longer is in the histories already.
	held := l.held.present.Load()
	histories := l.mirror.Image()
	if image := l.image.Load(); image != nil && image.histories == histories && image.held == held {
		return image
	}
	image := &Image{histories: histories, held: held, rules: l.config.Rules, heirs: l.heirs}
	l.image.Store(image)
	return image
}

// Behind returns for how long the image may have missed changes at the moment now, or others may have missed what this
// process saw: zero while the store is followed, and takes what has to be stored.
func (l *Ledger) Behind(now time.Time) time.Duration {
	return max(l.mirror.Behind(now), l.backlog.behind(now))
}

// Healthy returns nil while the image follows the store, and the store takes what has to be stored.
func (l *Ledger) Healthy() error {
	if err := l.mirror.Healthy(); err != nil {
		return err
	}
	if l.backlog.oldest.Load() != 0 {
		return fmt.Errorf("storing trust events: %w", store.ErrUnavailable)
	}
	return nil
}

// Admit notes that agents were registered: those without history get one that begins with their registration, and what
// they take over from agents that left their owner no longer depends on what becomes of those. Agents that were noted
// before cost nothing. It does not wait for the store.
func (l *Ledger) Admit(names ...agent.ID) {
	at := l.config.Now().Unix()
	for _, name := range names {
		record, ok := l.config.Agent(name)
		if !ok {
			continue
		}
		h, known := l.Image().History(name)
		if !known || !h.broken && !h.says(record) {
			l.push(name, waiting{event: Event{Kind: Registered, At: at}})
		}
	}
}

// Errors of Clear.
var (
	// ErrNoHistory: nothing is known against the agent.
	ErrNoHistory = errors.New("the agent has no history")
	// ErrNotQuarantined: there is nothing to clear.
	ErrNotQuarantined = errors.New("the agent is not quarantined by evidence")
	// ErrUnnamed: a person or a reason is missing, or is too long.
	ErrUnnamed = errors.New("the person and the reason must have 1 to 200 characters each, and no control characters")
)

// maxWords bounds the name of a person, and a reason, in bytes.
const maxWords = 200

// Clear ends an agent's quarantine by evidence, in a person's name. What speaks against the agent still counts. A history
// that cannot be read is replaced by one that begins with this. Events of the agent that wait to be stored come before it.
// It returns when the image has the change.
func (l *Ledger) Clear(ctx context.Context, name agent.ID, person, reason string) error {
	if !sayable(person) || !sayable(reason) {
		return ErrUnnamed
	}
	held, err := l.held.settled(ctx, name)
	if err != nil {
		return fmt.Errorf("clearing %s: %w", name, err)
	}
	lost := held != nil && held.lost
	event := Event{Kind: Cleared, At: l.config.Now().Unix(), Person: person, Reason: reason}
	revision, err := l.append(ctx, name, []Event{event}, func(h *History) error {
		switch {
		case lost:
			return nil
		case h == nil:
			return ErrNoHistory
		case !h.broken && h.state.Latch == nil:
			return ErrNotQuarantined
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("clearing %s: %w", name, err)
	}
	if err := l.mirror.Await(ctx, revision); err != nil {
		return err
	}
	if lost {
		l.held.release(name, held.last)
	}
	return nil
}

func sayable(words string) bool {
	return strings.TrimSpace(words) != "" && len(words) <= maxWords && !strings.ContainsFunc(words, func(r rune) bool {
		return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd
	})
}

// severe reports whether a signal quarantines, by what the operator has set.
func (l *Ledger) severe(s *Signal) bool {
	return !s.Framable && !s.Kind.Good() && (traits[s.Kind].severe ||
		slices.Contains(l.config.Quarantine, string(s.Kind)) || s.Class != "" && slices.Contains(l.config.Quarantine, s.Class))
}
