package gate

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/store"
)

var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// mesh is a fixture with the agents broker and ledger.
type mesh struct {
	agents map[agent.ID]*agent.Record
	now    time.Time
	bucket store.Bucket
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), BucketName)
	if err != nil {
		t.Fatal(err)
	}
	m := &mesh{agents: map[agent.ID]*agent.Record{}, now: noon, bucket: bucket}
	for _, name := range []agent.ID{"broker", "ledger", "butler"} {
		m.agents[name] = &agent.Record{Name: name, Status: agent.Active, Ceiling: agent.Supervisor, Created: noon.Add(-time.Hour)}
	}
	return m
}

func (m *mesh) open(t *testing.T) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), Config{
		Bucket: m.bucket, Now: func() time.Time { return m.now }, Logger: slog.New(slog.DiscardHandler),
		Agent: func(id agent.ID) (*agent.Record, bool) { record, ok := m.agents[id]; return record, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func declaration() Declaration {
	return Declaration{
		ID: "metrics", From: "broker", Skill: "report", To: "ledger", Operations: []string{"read", "GetTask"}, Ring: agent.User, Until: noon.Add(24 * time.Hour),
	}
}

// opened returns a ledger with the gate of declaration, open.
func (m *mesh) opened(t *testing.T) *Ledger {
	t.Helper()
	l := m.open(t)
	g, err := l.Declare(t.Context(), declaration(), "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(t.Context(), g.ID, g.Digest(), "Grace"); err != nil {
		t.Fatal(err)
	}
	return l
}

func (m *mesh) isOpen(l *Ledger) bool {
	_, ok := l.Image().Open("metrics", m.agents["broker"], m.agents["ledger"], m.now)
	return ok
}

func (m *mesh) closed(l *Ledger) string {
	return l.Image().Closed("metrics", m.agents["broker"], m.agents["ledger"], m.now)
}

func TestGateOpensWithBothConsents(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	l, replica := m.open(t), m.open(t)
	g, err := l.Declare(t.Context(), declaration(), "Ada")
	if err != nil || g.Declared.By != "Ada" || !g.Declared.At.Equal(noon) || g.Accepted != nil {
		t.Fatalf("%+v, %v", g, err)
	}
	if m.isOpen(l) || g.State(noon) != "declared" || len(g.Opening().Capabilities) > 0 {
		t.Errorf("open without acceptance: %+v", g)
	}
	g, err = l.Accept(t.Context(), "metrics", g.Digest(), "Grace")
	if err != nil || g.Accepted.By != "Grace" || g.State(noon) != "open" {
		t.Fatalf("%+v, %v", g, err)
	}
	if !m.isOpen(l) {
		t.Error("closed with both consents")
	}
	for !m.isOpen(replica) {
		if t.Context().Err() != nil {
			t.Fatal("another replica does not see the gate")
		}
	}
	m.now = g.Until.Add(-1)
	if !m.isOpen(l) {
		t.Error("closed before its time")
	}
	m.now = g.Until
	if m.isOpen(l) || g.State(m.now) != "closed" {
		t.Error("open after its time")
	}
}

// TestWhatClosesAGate changes one thing each.
func TestWhatClosesAGate(t *testing.T) {
	t.Parallel()
	change := func(edit func(*Declaration)) func(*testing.T, *mesh, *Ledger) {
		return func(t *testing.T, _ *mesh, l *Ledger) {
			d := declaration()
			edit(&d)
			if _, err := l.Declare(t.Context(), d, "Mallory"); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(name agent.ID, edit func(*agent.Record)) func(*testing.T, *mesh, *Ledger) {
		return func(_ *testing.T, m *mesh, _ *Ledger) {
			record := *m.agents[name]
			edit(&record)
			m.agents[name] = &record
		}
	}
	tests := map[string]func(*testing.T, *mesh, *Ledger){
		"operations-changed": change(func(d *Declaration) { d.Operations = []string{"*"} }),
		"ring-changed":       change(func(d *Declaration) { d.Ring = agent.Supervisor }),
		"until-changed":      change(func(d *Declaration) { d.Until = d.Until.Add(time.Second) }),
		"skill-changed":      change(func(d *Declaration) { d.Skill = "" }),
		"callee-changed":     change(func(d *Declaration) { d.To = "butler" }),
		"caller-quarantined": replace("broker", func(r *agent.Record) { r.Status = agent.Quarantined }),
		"callee-revoked":     replace("ledger", func(r *agent.Record) { r.Status = agent.Revoked }),
		"caller-registered-anew": replace("broker", func(r *agent.Record) {
			r.Created = noon.Add(time.Minute)
		}),
		"callee-registered-anew": replace("ledger", func(r *agent.Record) { r.Created = noon.Add(time.Minute) }),
		"removed": func(t *testing.T, _ *mesh, l *Ledger) {
			if err := l.Remove(t.Context(), "metrics"); err != nil {
				t.Fatal(err)
			}
			if len(l.Image().All()) > 0 {
				t.Error("the gate is still there")
			}
		},
		"over":        func(_ *testing.T, m *mesh, _ *Ledger) { m.now = declaration().Until },
		"caller-gone": func(_ *testing.T, m *mesh, _ *Ledger) { m.agents["broker"] = nil },
	}
	const unaccepted, inactive, anew = "gate metrics is not accepted", "gate metrics is for agents that are not active",
		"gate metrics was declared before one of its agents was registered anew"
	reasons := map[string]string{
		"operations-changed": unaccepted, "ring-changed": unaccepted, "until-changed": unaccepted, "skill-changed": unaccepted,
		"callee-changed": "gate metrics is for other agents", "caller-gone": "gate metrics is for other agents",
		"caller-quarantined": inactive, "callee-revoked": inactive,
		"caller-registered-anew": anew, "callee-registered-anew": anew,
		"removed": "no gate of this name",
		"over":    "gate metrics is over",
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			l := m.opened(t)
			if !m.isOpen(l) {
				t.Fatal("closed to begin with")
			}
			if why := m.closed(l); why != "" {
				t.Errorf("open, and closed because it %s", why)
			}
			act(t, m, l)
			if m.isOpen(l) {
				t.Error("still open")
			}
			if why := m.closed(l); why != reasons[name] {
				t.Errorf("closed because of %q, want %q", why, reasons[name])
			}
		})
	}
}

func TestGateIsForItsAgentsAlone(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	l := m.opened(t)
	for _, pair := range [][2]agent.ID{{"ledger", "broker"}, {"broker", "butler"}, {"butler", "ledger"}, {"broker", "broker"}} {
		if _, ok := l.Image().Open("metrics", m.agents[pair[0]], m.agents[pair[1]], noon); ok {
			t.Errorf("open from %s to %s", pair[0], pair[1])
		}
	}
	if _, ok := l.Image().Open("other", m.agents["broker"], m.agents["ledger"], noon); ok {
		t.Error("a gate that is not there is open")
	}
	if _, ok := (Image{}).Open("metrics", m.agents["broker"], m.agents["ledger"], noon); ok {
		t.Error("no image has an open gate")
	}
}

func TestDeclaringTheSameAgainChangesNothing(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	l := m.opened(t)
	m.now = noon.Add(time.Hour)
	g, err := l.Declare(t.Context(), declaration(), "Somebody")
	if err != nil || g.Declared.By != "Ada" || !m.isOpen(l) {
		t.Errorf("%+v, %v", g, err)
	}
	for _, name := range []agent.ID{"broker", "ledger"} { // a later agent of the name needs both consents anew
		record := *m.agents[name]
		record.Created = noon.Add(time.Minute)
		m.agents[name] = &record
		if g, err := l.Declare(t.Context(), declaration(), "Somebody"); err != nil || g.Accepted != nil || m.isOpen(l) {
			t.Errorf("after %s was registered anew: %+v, %v", name, g, err)
		}
		if _, err := l.Accept(t.Context(), "metrics", declaration().Digest(), "Grace"); err != nil || !m.isOpen(l) {
			t.Errorf("%s: %v", name, err)
		}
		record.Created = noon.Add(2 * time.Hour)
		m.now = noon.Add(3 * time.Hour)
	}
}

func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	l := m.open(t)
	if _, err := l.Declare(t.Context(), declaration(), "Ada"); err != nil {
		t.Fatal(err)
	}
	other := declaration()
	other.Operations = []string{"read"}
	for name, test := range map[string]struct {
		id, digest, by string
		want           error
	}{
		"another-declaration": {"metrics", other.Digest(), "Grace", ErrChanged},
		"no-declaration":      {"metrics", "", "Grace", ErrChanged},
		"no-gate":             {"other", declaration().Digest(), "Grace", ErrNotFound},
		"no-name":             {"../x", declaration().Digest(), "Grace", ErrNotFound},
	} {
		if _, err := l.Accept(t.Context(), agent.ID(test.id), test.digest, test.by); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Accept(t.Context(), "metrics", declaration().Digest(), ""); len(agent.FieldErrors(err)) != 1 {
		t.Errorf("by nobody: %v", err)
	}
	registered := m.agents["ledger"]
	m.agents["ledger"] = &agent.Record{Name: "ledger", Status: agent.Active, Created: noon.Add(time.Minute)}
	if _, err := l.Accept(t.Context(), "metrics", declaration().Digest(), "Grace"); !errors.Is(err, ErrChanged) {
		t.Errorf("for a later agent of the name: %v", err)
	}
	m.agents["ledger"] = registered
	m.now = declaration().Until
	if _, err := l.Accept(t.Context(), "metrics", declaration().Digest(), "Grace"); !errors.Is(err, ErrClosed) {
		t.Errorf("after its time: %v", err)
	}
	if err := l.Remove(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing none: %v", err)
	}
}

func TestDeclareRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path string
		edit       func(*Declaration)
	}{
		{"no-name", "id", func(d *Declaration) { d.ID = "" }},
		{"bad-name", "id", func(d *Declaration) { d.ID = "a/b" }},
		{"unknown-caller", "from", func(d *Declaration) { d.From = "nobody" }},
		{"unknown-callee", "to", func(d *Declaration) { d.To = "nobody" }},
		{"to-itself", "to", func(d *Declaration) { d.To = "broker" }},
		{"no-operations", "operations", func(d *Declaration) { d.Operations = nil }},
		{"too-many-operations", "operations", func(d *Declaration) { d.Operations = make([]string, 33) }},
		{"operation-on-another", "operations[0]", func(d *Declaration) { d.Operations = []string{"read:butler"} }},
		{"empty-operation", "operations[1]", func(d *Declaration) { d.Operations = []string{"read", ""} }},
		{"operation-with-space", "operations[0]", func(d *Declaration) { d.Operations = []string{"read it"} }},
		{"above-the-caller's-ceiling", "ring", func(d *Declaration) { d.Ring = agent.Kernel }},
		{"no-end", "until", func(d *Declaration) { d.Until = time.Time{} }},
		{"in-the-past", "until", func(d *Declaration) { d.Until = noon }},
		{"for-ever", "until", func(d *Declaration) { d.Until = noon.Add(MaxLifetime + time.Second) }},
		{"long-skill", "skill", func(d *Declaration) { d.Skill = strings.Repeat("s", 129) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			l := m.open(t)
			d := declaration()
			test.edit(&d)
			_, err := l.Declare(t.Context(), d, "Ada")
			fields := agent.FieldErrors(err)
			if len(fields) == 0 || fields[0].Path != test.path {
				t.Errorf("%v, want %s", err, test.path)
			}
			if len(l.Image().All()) > 0 {
				t.Error("it is stored all the same")
			}
		})
	}
	m := newMesh(t)
	if _, err := m.open(t).Declare(t.Context(), declaration(), strings.Repeat("x", 257)); len(agent.FieldErrors(err)) != 1 {
		t.Errorf("a person with a long name: %v", err)
	}
}

// TestTamperedEntriesAreClosed writes to the store what no Ledger would.
func TestTamperedEntriesAreClosed(t *testing.T) {
	t.Parallel()
	good := Gate{Declaration: declaration()}
	good.Declared = Consent{By: "Ada", At: noon, Digest: good.Digest()}
	good.Accepted = &Consent{By: "Grace", At: noon, Digest: good.Digest()}
	tests := map[string]func(*Gate){
		"wider":             func(g *Gate) { g.Operations = []string{"*"} },
		"longer":            func(g *Gate) { g.Until = g.Until.Add(time.Hour) },
		"not-accepted":      func(g *Gate) { g.Accepted = nil },
		"accepted-another":  func(g *Gate) { g.Accepted = &Consent{By: "Grace", At: noon, Digest: "x"} },
		"declared-another":  func(g *Gate) { g.Declared.Digest = "x" },
		"not-a-valid-gate":  func(g *Gate) { g.Operations = nil; g.Declared.Digest = g.Digest(); g.Accepted.Digest = g.Digest() },
		"under-another-key": func(g *Gate) { g.ID = "other"; g.Declared.Digest = g.Digest(); g.Accepted.Digest = g.Digest() },
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			l := m.open(t)
			g := good
			accepted := *good.Accepted
			g.Accepted = &accepted
			edit(&g)
			value, err := json.Marshal(g)
			if err != nil {
				t.Fatal(err)
			}
			revision, err := m.bucket.Put(t.Context(), "metrics", value)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.mirror.Await(t.Context(), revision); err != nil {
				t.Fatal(err)
			}
			if m.isOpen(l) {
				t.Error("open")
			}
		})
	}
}

// TestGateNeverWidens holds that with or without a gate nobody has more than the own authority of its caller, and that
// taking it away leaves no more than there was (P10).
func TestGateNeverWidens(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	l := m.opened(t)
	g, _ := l.Image().Get("metrics")
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		own := authority.Authority{
			Ring: agent.Ring(random.IntN(4)), Trust: agent.Trust(random.IntN(1001)), Until: noon.Add(time.Duration(random.IntN(100)) * time.Hour),
			Scope: [][]agent.Capability{{[]agent.Capability{"*:*", "read:*", "call:ledger", "read:ledger"}[random.IntN(4)]}}, Depth: random.IntN(5),
		}
		inside, without := authority.Through(g.Opening(), own), authority.Through(Gate{}.Opening(), own)
		if !inside.Within(own) || inside.Ring > g.Ring || inside.Until.After(g.Until) || inside.Covers("ledger", "write") || inside.Covers("butler", "read") {
			t.Fatalf("%+v became %+v", own, inside)
		}
		if !without.Within(inside) || without.Covers("ledger", "read") {
			t.Fatalf("without the gate %+v is %+v", own, without)
		}
	}
}

func TestTwoWritersDoNotMix(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	l := m.open(t)
	first, err := l.Declare(t.Context(), declaration(), "Ada")
	if err != nil {
		t.Fatal(err)
	}
	wider := declaration()
	wider.Operations = []string{"*"}
	l.config.Bucket = &between{Bucket: m.bucket, act: func() {
		if _, err := m.open(t).Declare(t.Context(), wider, "Mallory"); err != nil {
			t.Error(err)
		}
	}}
	if _, err := l.Accept(t.Context(), "metrics", first.Digest(), "Grace"); !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
	if m.isOpen(l) {
		t.Error("what nobody accepted is open")
	}
}

// between is a bucket in which something happens after a read.
type between struct {
	store.Bucket
	act func()
}

func (b *between) Get(ctx context.Context, key string) (store.Entry, error) {
	entry, err := b.Bucket.Get(ctx, key)
	if b.act != nil {
		act := b.act
		b.act = nil
		act()
	}
	return entry, err
}
