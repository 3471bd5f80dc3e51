package approval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// NoticesBucketName is the store's bucket that holds which events were told.
const NoticesBucketName = "approval-notices"

// How events are told.
const (
	// Horizon is how long after a change it is tried to tell of it.
	Horizon = 24 * time.Hour
	// MaxHooks is how many hooks there can be.
	MaxHooks = 16

	roundEvery  = 15 * time.Second
	postTimeout = 10 * time.Second
	firstClaim  = 30 * time.Second // above postTimeout, so that two processes do not send at a time
	lastClaim   = 10 * time.Minute
	maxHookURL  = 2048
	maxAnswer   = 64 << 10
)

// Hook is an address that is told of every change of every approval.
type Hook struct {
	// URL is over https, or over http on loopback.
	URL string
	// Secret signs what is sent: 24 to 64 bytes.
	Secret []byte
}

// HooksConfig says what Hooks work with. All fields are required.
type HooksConfig struct {
	// Ledger has the approvals. What was told of them is in Bucket, the bucket NoticesBucketName, which has to be durable.
	Ledger *Ledger
	Bucket store.Bucket
	Hooks  []Hook
	// Source is the source of the events: a URI of this mesh.
	Source string
	// Now is the clock.
	Now func() time.Time
	// Logger is told about events that cannot be delivered.
	Logger *slog.Logger
}

// Hooks tell others what becomes of approvals: each change at least once, from what the ledger holds, so that no stop of
// a process loses one. Of several processes one sends at a time. They are in no call's way.
type Hooks struct {
	config HooksConfig
	mirror *mirror.Mirror[struct{}]
	client http.Client
}

// CheckHooks returns every problem of hooks at once.
func CheckHooks(hooks []Hook) error {
	var problems []error
	if len(hooks) > MaxHooks {
		problems = append(problems, fmt.Errorf("hooks: must be at most %d", MaxHooks))
	}
	seen := map[string]bool{}
	for i, hook := range hooks {
		if err := CheckHookURL(hook.URL); err != nil {
			problems = append(problems, fmt.Errorf("hooks[%d].url: %w", i, err))
		} else if seen[hook.URL] {
			problems = append(problems, fmt.Errorf("hooks[%d].url: must not be that of another hook", i))
		}
		seen[hook.URL] = true
		if len(hook.Secret) < minSecret || len(hook.Secret) > maxSecret {
			problems = append(problems, fmt.Errorf("hooks[%d].secret: must have %d to %d bytes", i, minSecret, maxSecret))
		}
	}
	return errors.Join(problems...)
}

// CheckHookURL returns why a hook cannot have the URL. It does not repeat the URL, which may hold a secret.
func CheckHookURL(place string) error {
	u, err := url.Parse(place)
	sendable := err == nil && len(place) <= maxHookURL && u.Host != "" && u.User == nil && !strings.Contains(place, "#")
	if sendable && u.Scheme != "https" {
		host := u.Hostname()
		sendable = u.Scheme == "http" && (host == "127.0.0.1" || host == "::1" || host == "localhost")
	}
	if !sendable {
		return errors.New("must be an https URL without user and fragment; http is for loopback")
	}
	return nil
}

// OpenHooks loads which events were told; ctx bounds that alone.
func OpenHooks(ctx context.Context, config HooksConfig) (*Hooks, error) {
	if err := CheckHooks(config.Hooks); err != nil {
		return nil, err
	}
	m, err := mirror.Open(ctx, mirror.Config[struct{}]{
		Bucket: config.Bucket, Kind: "notices of approvals", Now: config.Now, Logger: config.Logger,
		Decode: func(store.Entry) (struct{}, error) { return struct{}{}, nil },
	})
	if err != nil {
		return nil, err
	}
	return &Hooks{config: config, mirror: m, client: http.Client{
		// No proxy, and no redirects: only what is configured is told anything.
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 32 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close stops following the store.
func (h *Hooks) Close() {
	h.mirror.Close()
	h.client.CloseIdleConnections()
}

// Run tells every hook of changes until ctx ends, each in its own time.
func (h *Hooks) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, hook := range h.config.Hooks {
		running.Go(func() { h.follow(ctx, hook) })
	}
	running.Wait()
}

func (h *Hooks) follow(ctx context.Context, hook Hook) {
	timer := time.NewTimer(roundEvery)
	defer timer.Stop()
	for ctx.Err() == nil {
		changes := h.config.Ledger.Changes()
		h.round(ctx, hook)
		timer.Reset(roundEvery)
		select {
		case <-changes:
			// Changes that come together are told of in one round.
			store.Pause(ctx, store.FirstRetry)
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// errUnreached is that of a hook which gives no answer. Those behind it would wait for as long.
var errUnreached = errors.New("the hook cannot be reached")

// round tells a hook of every change that it was not told of, those of one approval in their order, up to the first at which
// the hook cannot be reached.
func (h *Hooks) round(ctx context.Context, hook Hook) {
	for _, known := range h.config.Ledger.mirror.Image().Table().All() {
		for n, change := range known.Value.History {
			if ctx.Err() != nil {
				return
			}
			if h.config.Now().Sub(change.At) > Horizon {
				continue
			}
			arrived, err := h.tell(ctx, hook, known.Value, n)
			if errors.Is(err, errUnreached) {
				return
			}
			if !arrived {
				break
			}
		}
	}
}

// tell sends the event of an approval's n-th change unless it was sent, and reports whether it is known to have arrived. Who
// sends it holds a claim. The claim of one that failed ends by itself, later each time: that is when it is tried again. The
// error is that of sending, which the log has.
func (h *Hooks) tell(ctx context.Context, hook Hook, a Approval, n int) (arrived bool, err error) {
	change, now := a.History[n], h.config.Now()
	sum := sha256.Sum256([]byte(hook.URL))
	key := writing.EncodeToString(sum[:placeBytes]) + "." + eventID(a.ID, change.State)
	if _, told := h.mirror.Image().Get("told." + key); told {
		return true, nil
	}
	wait := min(max(now.Sub(change.At), firstClaim), lastClaim)
	if _, err := h.config.Bucket.Create(ctx, "claim."+key, nil, wait); err != nil {
		return false, nil
	}
	e := newEvent(a, n, h.config.Source)
	err = h.send(ctx, hook, e, now)
	if err == nil {
		// What cannot be noted is sent again.
		_, err = h.config.Bucket.Create(ctx, "told."+key, nil, Horizon+lastClaim)
	}
	if errors.Is(err, store.ErrConflict) {
		err = nil
	}
	if err != nil && ctx.Err() == nil {
		h.config.Logger.Warn("an event about an approval was not delivered; it is tried again", slog.String("event", e.ID),
			slog.String("host", host(hook.URL)), slog.Any("error", err))
	}
	return err == nil, err
}

func host(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return ""
	}
	return u.Host
}

func (h *Hooks) send(ctx context.Context, hook Hook, e event, now time.Time) error {
	body, err := e.encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return errNoEvent
	}
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set("User-Agent", "ringfence")
	seal(request.Header, e.ID, body, hook.Secret, now)
	response, err := h.client.Do(request)
	// The error of a request repeats the URL, which may hold what only the two know.
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreached, err)
	}
	defer response.Body.Close()
	// A connection whose answer was read is used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the hook answered with status %d", response.StatusCode)
	}
	return nil
}
