package approval

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

func TestGrantedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	c := payment(t, "a")
	first := d.asks(l, c)
	if first.State != Pending || first.Granted || !first.Expires.Equal(noon.Add(hour)) {
		t.Fatalf("the first: %+v", first)
	}
	if again := d.asks(l, c); again.ID != first.ID || again.Granted {
		t.Errorf("repeated, it is %s, %s", again.ID, again.State)
	}
	if other := d.asks(l, payment(t, "b")); other.ID == first.ID {
		t.Error("another call has the same approval")
	}
	a, err := d.votes(l, "ada", first, Approve)
	if err != nil || a.State != Pending || a.Requirements[0].Approved != 1 {
		t.Fatalf("after one of two: %+v, %v", a, err)
	}
	if a, err = d.votes(l, "ada", first, Approve); err != nil || len(a.Votes) != 1 || a.State != Pending {
		t.Fatalf("after one twice: %+v, %v", a, err)
	}
	if again := d.asks(l, c); again.Granted || again.State != Pending {
		t.Fatalf("one of two is enough: %+v", again)
	}
	if a, err = d.votes(l, "bob", first, Approve); err != nil || a.State != Granted {
		t.Fatalf("after two of two: %+v, %v", a, err)
	}
	used := d.asks(l, c)
	if !used.Granted || used.State != Consumed || used.ID != first.ID {
		t.Fatalf("used: %+v", used)
	}
	resuming := c
	if resuming.Resumes = first.ID; d.asks(l, resuming).State != Consumed || d.asks(l, resuming).Granted {
		t.Error("resumed once more, it is not the one that was used")
	}
	anew := d.asks(l, c)
	if anew.Granted || anew.State != Pending || anew.ID == first.ID || len(anew.Votes) != 0 {
		t.Fatalf("used again: %+v", anew)
	}
	// What was used is still there to be looked at, and takes no more votes.
	kept, err := l.Get(t.Context(), first.ID, d.now())
	used.Granted = false
	if diff := cmp.Diff(used, kept); err != nil || diff != "" {
		t.Errorf("kept: %v\n%s", err, diff)
	}
	if _, err := d.votes(l, "cyd", first, Deny); !errors.Is(err, ErrEnded) {
		t.Errorf("a vote about what was used: %v", err)
	}
	if got := ids(l.List(Filter{Caller: "broker"}, d.now())); len(got) != 3 {
		t.Errorf("listed: %v", got)
	}
	if got := ids(l.List(Filter{State: Consumed}, d.now())); len(got) != 1 || got[0] != first.ID {
		t.Errorf("listed as consumed: %v", got)
	}
	if got := l.List(Filter{Callee: "nobody"}, d.now()); len(got) != 0 {
		t.Errorf("listed of nobody: %v", ids(got))
	}
}

func ids(list []Approval) []string {
	var ids []string
	for _, a := range list {
		ids = append(ids, a.ID)
	}
	return ids
}

func TestVotes(t *testing.T) {
	t.Parallel()
	type said struct {
		name   string
		choice Choice
		err    error
		state  State
	}
	tests := []struct {
		name         string
		requirements []policy.Requirement
		votes        []said
	}{
		{"one-denial-ends-it", nil, []said{{"ada", Approve, nil, Pending}, {"bob", Deny, nil, Denied}, {"cyd", Approve, ErrEnded, ""}}},
		{"denial-after-the-grant", nil, []said{{"ada", Approve, nil, Pending}, {"bob", Approve, nil, Granted}, {"cyd", Deny, nil, Denied}}},
		{"own-mind-changed", nil, []said{{"ada", Approve, nil, Pending}, {"ada", Deny, nil, Denied}, {"ada", Approve, ErrEnded, ""}}},
		{"said-again-when-it-ended", nil, []said{{"ada", Deny, nil, Denied}, {"ada", Deny, nil, Denied}}},
		{"no-approval-after-the-grant", nil, []said{{"ada", Approve, nil, Pending}, {"bob", Approve, nil, Granted}, {"cyd", Approve, ErrEnded, ""}}},
		{"owner-excluded", nil, []said{{"eve", Approve, ErrExcluded, ""}, {"eve", Deny, ErrExcluded, ""}}},
		{"other-group", nil, []said{{"guy", Approve, ErrNotAsked, ""}, {"guy", Deny, ErrNotAsked, ""}}},
		{"each-requirement", []policy.Requirement{ask(1, "finance"), ask(1, "legal")}, []said{{"ada", Approve, nil, Pending}, {"bob", Approve, nil, Pending}, {"cyd", Approve, nil, Granted}}},
		{"one-person-for-several", []policy.Requirement{ask(1, "finance"), ask(1, "legal")}, []said{{"cyd", Approve, nil, Granted}}},
		{"one-of-several-groups", []policy.Requirement{ask(2, "garden", "legal")}, []said{{"guy", Approve, nil, Pending}, {"cyd", Approve, nil, Granted}}},
		{"one-person-in-two-groups-counts-once", []policy.Requirement{ask(2, "finance", "legal")}, []said{{"cyd", Approve, nil, Pending}, {"cyd", Approve, nil, Pending}}},
		{"shadow-does-not-ask", []policy.Requirement{ask(1, "finance"), func() policy.Requirement {
			r := ask(9, "legal")
			r.Mode = policy.Shadow
			return r
		}()}, []said{{"ada", Approve, nil, Granted}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil)
			l := d.open()
			c := payment(t, "a")
			if test.requirements != nil {
				c.Requirements = test.requirements
			}
			asked := d.asks(l, c)
			for i, vote := range test.votes {
				a, err := d.votes(l, vote.name, asked, vote.choice)
				if !errors.Is(err, vote.err) || a.State != vote.state {
					t.Fatalf("vote %d of %s: %q, %v, want %q, %v", i, vote.name, a.State, err, vote.state, vote.err)
				}
			}
		})
	}
}

// TestExclusion holds that nobody decides about an agent they answer for, however the name is written.
func TestExclusion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		excluded []agent.Owner
		by       Approver
		want     bool
	}{
		{"nobody", nil, Approver{Name: "ada"}, false},
		{"no-owner", []agent.Owner{""}, Approver{Name: "ada"}, false},
		{"owner", []agent.Owner{"trading"}, Approver{Name: "ada", Owner: "trading"}, true},
		{"owner-of-a-holder", []agent.Owner{"travel", "trading"}, Approver{Name: "ada", Owner: "trading"}, true},
		{"by-name", []agent.Owner{"ada"}, Approver{Name: "ada", Owner: "travel"}, true},
		{"case-and-space", []agent.Owner{" Ada "}, Approver{Name: "ada"}, true},
		{"another", []agent.Owner{"adam"}, Approver{Name: "ada", Owner: "tradin"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := Approval{Excluded: test.excluded}
			if got := a.excludes(&test.by); got != test.want {
				t.Errorf("excludes() = %t", got)
			}
		})
	}
}

func TestDeniedUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	c := payment(t, "a")
	first := d.asks(l, c)
	if _, err := d.votes(l, "ada", first, Deny); err != nil {
		t.Fatal(err)
	}
	d.add(hour - time.Second)
	if a := d.asks(l, c); a.State != Denied || a.ID != first.ID {
		t.Errorf("within its time: %+v", a)
	}
	d.add(time.Second)
	if a := d.asks(l, c); a.State != Pending || a.ID == first.ID {
		t.Errorf("after its time: %+v", a)
	}
}

func TestGrantExpires(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	c := payment(t, "a")
	first := d.grants(l, d.asks(l, c))
	d.add(hour)
	if a := d.asks(l, c); a.Granted || a.State != Pending || a.ID == first.ID {
		t.Errorf("after its time: %+v", a)
	}
	old, err := l.Get(t.Context(), first.ID, d.now())
	if err != nil || old.State != Expired {
		t.Errorf("the old one: %s, %v", old.State, err)
	}
}

func TestShortestTimeout(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	c := payment(t, "a")
	c.Requirements = append(c.Requirements, ask(1, "legal"), ask(1, "legal"))
	c.Requirements[1].Timeout = 10 * time.Minute
	c.Requirements[2].Timeout, c.Requirements[2].Mode = time.Minute, policy.Shadow
	if a := d.asks(d.open(), c); !a.Expires.Equal(noon.Add(10 * time.Minute)) {
		t.Errorf("it waits until %s", a.Expires)
	}
}

// TestOtherTerms holds that votes under other terms do not count, though the call is the same.
func TestOtherTerms(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Case){
		"more-people":   func(c *Case) { c.Requirements = []policy.Requirement{ask(3, "finance")} },
		"another-group": func(c *Case) { c.Requirements = append(c.Requirements, ask(1, "legal")) },
		"another-owner": func(c *Case) { c.Excluded = append(c.Excluded, "ada") },
		"another-epoch": func(c *Case) { c.Epoch = "e2" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil)
			l := d.open()
			c := payment(t, "a")
			first := d.grants(l, d.asks(l, c))
			change(&c)
			a := d.asks(l, c)
			if a.Granted || a.State != Pending || a.ID == first.ID || len(a.Votes) > 0 {
				t.Errorf("it is %+v", a)
			}
			if old, err := l.Get(t.Context(), first.ID, d.now()); err != nil || old.State != Expired {
				t.Errorf("the old one is %s, %v", old.State, err)
			}
		})
	}
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	c := payment(t, "a")
	first := d.grants(l, d.asks(l, c))
	for _, caller := range []agent.ID{"", "concierge", "ledger"} {
		if _, err := l.Withdraw(t.Context(), first.ID, caller, d.now()); !errors.Is(err, ErrNotFound) {
			t.Errorf("withdrawn by %q: %v", caller, err)
		}
	}
	for range 2 {
		if a, err := l.Withdraw(t.Context(), first.ID, "broker", d.now()); err != nil || a.State != Withdrawn {
			t.Fatalf("withdrawn: %s, %v", a.State, err)
		}
	}
	second := d.asks(l, c)
	if second.Granted || second.State != Pending || second.ID == first.ID {
		t.Fatalf("asked again: %+v", second)
	}
	a, err := l.Cancel(t.Context(), second.ID, "administrator", d.now())
	if err != nil || a.State != Withdrawn || a.History[1].By != "administrator" {
		t.Errorf("cancelled: %+v, %v", a, err)
	}
	third := d.grants(l, d.asks(l, c))
	d.asks(l, c)
	if _, err := l.Cancel(t.Context(), third.ID, "administrator", d.now()); !errors.Is(err, ErrEnded) {
		t.Errorf("cancelling what was used: %v", err)
	}
}

func TestRefusedCases(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	for name, change := range map[string]func(*Case){
		"zero":            func(c *Case) { *c = Case{} },
		"no-digest":       func(c *Case) { c.Digest = "" },
		"no-digest-form":  func(c *Case) { c.Digest = strings.Repeat(".", 43) },
		"no-caller":       func(c *Case) { c.Caller = "" },
		"no-epoch":        func(c *Case) { c.Epoch = "" },
		"nobody-is-asked": func(c *Case) { c.Requirements = nil },
		"only-shadow":     func(c *Case) { c.Requirements[0].Mode = policy.Shadow },
		"no-minimum":      func(c *Case) { c.Requirements[0].Minimum = 0 },
		"no-groups":       func(c *Case) { c.Requirements[0].Groups = nil },
		"no-time":         func(c *Case) { c.Requirements[0].Timeout = 0 },
	} {
		c := payment(t, name)
		change(&c)
		if a, err := l.Ask(t.Context(), c, d.now()); err == nil || a.Granted || a.ID != "" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if list := l.List(Filter{}, d.now()); len(list) > 0 {
		t.Errorf("they left %v", ids(list))
	}
}

func TestUnknownIDs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	a := d.asks(l, payment(t, "a"))
	at, nonce, _ := strings.Cut(a.ID, ".")
	for _, id := range []string{"", ".", at, at + ".", "." + nonce, nonce + "." + at, a.ID + "a", strings.ToUpper(a.ID), at + "." + strings.Repeat("a", 26), a.ID + "\n", "*.>"} {
		if _, err := l.Get(t.Context(), id, d.now()); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get(%q) = %v", id, err)
		}
		if _, err := l.Decide(t.Context(), id, d.ballot("ada", a, Approve), d.now()); !errors.Is(err, ErrNotFound) {
			t.Errorf("Decide(%q) = %v", id, err)
		}
	}
}

func TestPlaceOfAnotherCall(t *testing.T) {
	t.Parallel()
	// Two digests of one place are not found in practice; an entry that claims to be one is not read.
	d := newDesk(t, nil)
	l := d.open()
	c := payment(t, "a")
	a := d.grants(l, d.asks(l, c))
	entry, err := d.bucket.Get(t.Context(), place(c.Digest))
	if err != nil {
		t.Fatal(err)
	}
	other := payment(t, "b")
	value := strings.ReplaceAll(string(entry.Value), a.ID, place(other.Digest)+a.ID[16:])
	if _, err := d.bucket.Put(t.Context(), place(other.Digest), []byte(value)); err != nil {
		t.Fatal(err)
	}
	if a, err := l.Ask(t.Context(), other, d.now()); err == nil {
		t.Errorf("an approval of another call counts: %+v", a)
	}
	if _, err := d.bucket.Put(t.Context(), place(other.Digest), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if a, err := l.Ask(t.Context(), other, d.now()); err == nil {
		t.Errorf("what cannot be read counts: %+v", a)
	}
}

func TestTooMany(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open(func(c *Config) { c.Pending = 3 })
	for n := range 3 {
		d.asks(l, payment(t, fmt.Sprint(n)))
	}
	if _, err := l.Ask(t.Context(), payment(t, "4"), d.now()); !errors.Is(err, ErrTooMany) {
		t.Fatalf("the fourth: %v", err)
	}
	d.asks(l, payment(t, "2"))
	other := payment(t, "5")
	other.Caller = "concierge"
	d.asks(l, other)
	// A second process knows of them too.
	if _, err := d.open(func(c *Config) { c.Pending = 3 }).Ask(t.Context(), payment(t, "4"), d.now()); !errors.Is(err, ErrTooMany) {
		t.Errorf("the fourth elsewhere: %v", err)
	}
	if _, err := l.Cancel(t.Context(), d.asks(l, payment(t, "0")).ID, "", d.now()); err != nil {
		t.Fatal(err)
	}
	d.asks(l, payment(t, "4"))
	// Who lets all of it expire, again and again, is not asking anybody.
	for n := 5; ; n++ {
		d.add(hour)
		_, err := l.Ask(t.Context(), payment(t, fmt.Sprint(n)), d.now())
		if errors.Is(err, ErrTooMany) {
			if n < 15 || n > 40 {
				t.Errorf("it ended at %d", n)
			}
			break
		}
		if err != nil || n > 100 {
			t.Fatalf("%d: %v", n, err)
		}
	}
	d.add(IgnoredRetention + hour)
	l.Sweep(t.Context(), d.now())
	d.add(IgnoredRetention + hour)
	l.Sweep(t.Context(), d.now())
	settled(t, d, l)
	d.asks(l, payment(t, "x"))
}

// settled waits until the ledger has everything that is stored by now.
func settled(t *testing.T, d *desk, l *Ledger) {
	t.Helper()
	revision, err := d.bucket.Put(t.Context(), "mark", []byte("{}"))
	if err == nil {
		err = l.mirror.Await(t.Context(), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	used := d.grants(l, d.asks(l, payment(t, "used")))
	d.asks(l, payment(t, "used"))
	archived := d.grants(l, d.asks(l, payment(t, "archived")))
	d.asks(l, payment(t, "archived"))
	d.asks(l, payment(t, "archived"))
	ignored := d.asks(l, payment(t, "ignored"))
	found := func(a Approval) bool {
		t.Helper()
		_, err := l.Get(t.Context(), a.ID, d.now())
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	for _, test := range []struct {
		after          time.Duration
		voted, unvoted bool
	}{
		{hour, true, true},
		{IgnoredRetention - time.Minute, true, true},
		{time.Hour, true, false},
		{DefaultRetention - IgnoredRetention - 3*time.Hour, true, false},
		{4 * time.Hour, false, false},
	} {
		d.add(test.after)
		l.Sweep(t.Context(), d.now())
		settled(t, d, l)
		l.Sweep(t.Context(), d.now())
		if found(used) != test.voted || found(archived) != test.voted || found(ignored) != test.unvoted {
			t.Errorf("%s after noon: used %t, archived %t, ignored %t", d.now().Sub(noon), found(used), found(archived), found(ignored))
		}
	}
}

func TestAgentsDoNotVote(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open(func(c *Config) { c.Acts = func(by Approver) bool { return by.Key == keyDID("ada") } })
	a := d.asks(l, payment(t, "a"))
	if _, err := d.votes(l, "ada", a, Approve); !errors.Is(err, ErrNotAsked) {
		t.Errorf("with the key of an agent: %v", err)
	}
	if _, err := d.votes(l, "bob", a, Approve); err != nil {
		t.Errorf("with another key: %v", err)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	a := d.asks(d.open(func(c *Config) { c.Random = &counted{n: 1} }), payment(t, "a"))
	if want := place(a.Digest) + ".aeaqcaibaeaqcaibaeaqcaibae"; a.ID != want {
		t.Errorf("the id is %s, want %s", a.ID, want)
	}
	l := d.open(func(c *Config) { c.Random = strings.NewReader("short") })
	if a, err := l.Ask(context.Background(), payment(t, "b"), noon); err == nil || a.ID != "" {
		t.Errorf("without chance: %+v, %v", a, err)
	}
}

func TestStoreOfAnotherTime(t *testing.T) {
	t.Parallel()
	_, err := decode(store.Entry{Key: "x", Value: []byte(`{"id":"x","state":"granted"}`)})
	if err == nil {
		t.Error("decode() takes anything")
	}
}

func TestShortRetention(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open(func(c *Config) { c.Retention = 2 * time.Hour })
	used := d.grants(l, d.asks(l, payment(t, "used")))
	d.asks(l, payment(t, "used"))
	ignored := d.asks(l, payment(t, "ignored"))
	for _, test := range []struct {
		after time.Duration
		kept  bool
	}{{hour, true}, {hour - time.Minute, true}, {hour + 2*time.Minute, false}} {
		d.add(test.after)
		l.Sweep(t.Context(), d.now())
		settled(t, d, l)
		l.Sweep(t.Context(), d.now())
		for _, a := range []Approval{used, ignored} {
			if _, err := l.Get(t.Context(), a.ID, d.now()); errors.Is(err, ErrNotFound) == test.kept {
				t.Errorf("%s after noon: %s %v", d.now().Sub(noon), a.ID, err)
			}
		}
	}
}

// TestBystandersForget has one process ask, and another one only follow: what that has to remember is bounded by what is
// stored.
func TestBystandersForget(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	asking, following := d.open(), d.open()
	for n := range 20 {
		d.asks(asking, payment(t, fmt.Sprint(n)))
	}
	for range 2 {
		d.add(IgnoredRetention + hour)
		asking.Sweep(t.Context(), d.now())
		settled(t, d, asking)
	}
	// When the second mark is there, the room has been told of all before it.
	settled(t, d, following)
	settled(t, d, following)
	following.Sweep(t.Context(), d.now())
	following.room.mu.Lock()
	defer following.room.mu.Unlock()
	if dirty, counted := len(following.room.dirty), len(following.room.callers); dirty+counted > 1 {
		t.Errorf("%d keys are to be looked up, and %d are counted", dirty, counted)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	d.asks(l, payment(t, "late"))
	d.add(hour / 2)
	d.grants(l, d.asks(l, payment(t, "again")))
	d.asks(l, payment(t, "again"))
	d.asks(l, payment(t, "again")) // what was used before is archived
	d.grants(l, d.asks(l, payment(t, "granted")))
	if _, err := d.votes(l, "ada", d.asks(l, payment(t, "denied")), Deny); err != nil {
		t.Fatal(err)
	}
	d.add(hour / 2)
	want := map[State]int{Pending: 1, Granted: 1, Consumed: 1, Denied: 1, Expired: 1}
	if diff := cmp.Diff(want, l.Counts(d.now())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for state, count := range want {
		if listed := l.List(Filter{State: state}, d.now()); len(listed) != count {
			t.Errorf("%d are listed as %s, %d are counted", len(listed), state, count)
		}
	}
}
