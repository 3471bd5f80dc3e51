package approval

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// noon is the moment at which tests begin.
var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// hour is how long the cases of tests wait.
const hour = time.Hour

// key returns the key of a person.
func key(name string) ed25519.PrivateKey {
	seed := bytes.Repeat([]byte{'.'}, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

func keyDID(name string) string {
	return agent.NewKey(key(name).Public().(ed25519.PublicKey)).DID
}

// people are the approvers of all tests: ada and bob in finance, cyd in both, eve, who owns agents, in finance, and dan in
// legal, with a token alone.
func people() []Approver {
	return []Approver{
		{Name: "ada", Groups: []string{"finance"}, Key: keyDID("ada")},
		{Name: "bob", Groups: []string{"finance"}, Key: keyDID("bob")},
		{Name: "cyd", Groups: []string{"finance", "legal"}, Key: keyDID("cyd")},
		{Name: "dan", Groups: []string{"legal"}, Token: agent.Subject{Issuer: "https://login.example", Name: "dan@example"}},
		{Name: "eve", Owner: "Trading", Groups: []string{"finance"}, Key: keyDID("eve")},
		{Name: "guy", Groups: []string{"garden"}, Key: keyDID("guy")},
	}
}

func approvers(tb testing.TB) *Approvers {
	tb.Helper()
	a, err := Compile(people())
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// payment returns the case of tests, told apart by a name: two of finance have an hour.
func payment(tb testing.TB, name string) Case {
	tb.Helper()
	r := request(a2a.JSONRPC, `{"jsonrpc":"2.0","id":7,"method":"SendMessage","params":{"name":"`+name+`"}}`)
	d, err := Digest(r)
	if err != nil {
		tb.Fatal(err)
	}
	return Case{
		Digest: d, Caller: r.Caller, Callee: r.Callee, Holders: r.Holders, Method: r.Method, Skill: "pay", Action: "transfer",
		Excluded: []agent.Owner{"trading", ""}, Requirements: []policy.Requirement{ask(2, "finance")}, Epoch: r.Epoch, Decision: "d-1",
	}
}

func ask(minimum int, groups ...string) policy.Requirement {
	return policy.Requirement{
		Ref: policy.Ref{Party: policy.CalleeParty, Policy: "payments", Rule: 1}, Minimum: minimum, Groups: groups, Timeout: hour,
	}
}

// desk is a mesh's store, as the ledgers of several processes see it, and its clock.
type desk struct {
	tb     testing.TB
	bucket store.Bucket
	people *Approvers
	clock  atomic.Int64
}

func newDesk(tb testing.TB, bucket store.Bucket) *desk {
	tb.Helper()
	d := &desk{tb: tb, bucket: bucket, people: approvers(tb)}
	d.set(noon)
	if bucket == nil {
		memory := store.NewMemory(d.now)
		tb.Cleanup(func() { memory.Close() })
		var err error
		if d.bucket, err = memory.Bucket(tb.Context(), BucketName); err != nil {
			tb.Fatal(err)
		}
	}
	return d
}

func (d *desk) now() time.Time       { return time.Unix(0, d.clock.Load()).UTC() }
func (d *desk) set(now time.Time)    { d.clock.Store(now.UnixNano()) }
func (d *desk) add(by time.Duration) { d.clock.Add(int64(by)) }

// open returns the ledger of one more process.
func (d *desk) open(change ...func(*Config)) *Ledger {
	d.tb.Helper()
	config := Config{Bucket: d.bucket, Random: rand.Reader, Now: d.now, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&config)
	}
	l, err := Open(d.tb.Context(), config)
	if err != nil {
		d.tb.Fatal(err)
	}
	d.tb.Cleanup(l.Close)
	return l
}

// asks asks about a case, which has to succeed.
func (d *desk) asks(l *Ledger, c Case) Approval {
	d.tb.Helper()
	a, err := l.Ask(context.Background(), c, d.now())
	if err != nil {
		d.tb.Fatalf("Ask() = %v", err)
	}
	return a
}

// ballot returns what a person signs about an approval.
func (d *desk) ballot(name string, a Approval, choice Choice) Ballot {
	d.tb.Helper()
	compact, err := Sign(key(name), Statement{Approval: a.ID, Digest: a.Digest, Choice: choice}, d.now())
	if err != nil {
		d.tb.Fatal(err)
	}
	b, err := d.people.Signed(compact, d.now())
	if err != nil {
		d.tb.Fatal(err)
	}
	return b
}

// votes has a person vote.
func (d *desk) votes(l *Ledger, name string, a Approval, choice Choice) (Approval, error) {
	d.tb.Helper()
	return l.Decide(context.Background(), a.ID, d.ballot(name, a, choice), d.now())
}

// grants has ada and bob approve, which has to be enough.
func (d *desk) grants(l *Ledger, a Approval) Approval {
	d.tb.Helper()
	for _, name := range []string{"ada", "bob"} {
		var err error
		if a, err = d.votes(l, name, a, Approve); err != nil {
			d.tb.Fatalf("the vote of %s: %v", name, err)
		}
	}
	if a.State != Granted {
		d.tb.Fatalf("two have approved, and it is %s", a.State)
	}
	return a
}

// counted is a source of random bytes that are all different.
type counted struct {
	mu sync.Mutex
	n  byte
}

func (c *counted) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		p[i] = c.n
	}
	c.n++
	return len(p), nil
}

var _ io.Reader = (*counted)(nil)
