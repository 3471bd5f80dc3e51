package lineage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

// listed is a call as a list has it that is read through for everything.
type listed struct {
	call           *Call
	callee, caller agent.ID
	trace          string
	ended, broken  bool
	tasks          []string
	until          time.Time
}

func (k *listed) counts(now time.Time) bool {
	return !k.ended || !now.After(k.until) && (k.broken || len(k.tasks) > 0)
}

// Whatever begins, ends, breaks off and goes on in whatever order, a ledger says what a list of all calls would.
func TestALedgerIsAListOfCalls(t *testing.T) {
	t.Parallel()
	const linger = 50 * time.Millisecond
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(3, seed))
			l, now := NewLedger(linger), noon
			callees, traces := []agent.ID{"b", "c"}, []string{"", trace, trace[1:] + "0"}
			var all []*listed
			for i := range 800 {
				now = now.Add(time.Duration(r.IntN(2000)) * time.Microsecond)
				callee := callees[r.IntN(2)]
				switch open := all[max(0, len(all)-40):]; {
				case len(open) == 0 || r.IntN(3) == 0:
					k := &listed{callee: callee, caller: agent.ID(fmt.Sprint("a", i)), trace: traces[r.IntN(3)]}
					k.call = l.Begin(callee, served(k.caller, k.trace, agent.User), now)
					all = append(all, k)
					for c := l.shard(callee).agents[callee].ending.first; c != nil; c = c.links[byEnd].next {
						if c.over(now) {
							t.Fatalf("a call is remembered that was over at %s, at %s", c.until, now)
						}
					}
				case r.IntN(5) == 0:
					task := fmt.Sprint(r.IntN(4))
					l.Finished(callee, task, now)
					for _, k := range all {
						if k.callee == callee {
							k.tasks = slices.DeleteFunc(k.tasks, func(id string) bool { return id == task })
						}
					}
				default:
					// Clocks are read before the ledger is told: ends come a little out of order.
					open[r.IntN(len(open))].end(r, now.Add(-time.Duration(r.IntN(5000))*time.Microsecond), linger)
				}
				check(t, l, all, callee, traces[r.IntN(3)], now)
			}
			for _, k := range all {
				k.call.End(nil, now)
			}
			now = now.Add(time.Minute)
			for _, callee := range callees {
				l.Begin(callee, served("a", "", agent.User), now).End(nil, now)
				if of := l.shard(callee).agents[callee]; of != nil {
					t.Errorf("%d calls of %s are remembered when all are over", of.count, callee)
				}
			}
		})
	}
}

func (k *listed) end(r *rand.Rand, now time.Time, linger time.Duration) {
	broken := r.IntN(3) == 0
	var running []string
	for range r.IntN(3) * (1 - len(k.tasks)) {
		if task := fmt.Sprint(r.IntN(4)); !broken && !slices.Contains(running, task) {
			running = append(running, task)
		}
	}
	if broken {
		k.call.Break(now)
	} else {
		k.call.End(running, now)
	}
	if !k.ended {
		k.ended, k.broken, k.tasks, k.until = true, broken, running, now.Add(linger)
	}
}

// check compares what a ledger says of an agent with what the list does.
func check(t *testing.T, l *Ledger, all []*listed, callee agent.ID, trace string, now time.Time) {
	t.Helper()
	var besides *Call
	if len(all)%3 == 0 && len(all) > 0 {
		besides = all[len(all)-1].call
	}
	var serves, traced []agent.ID
	for _, k := range all {
		if k.callee != callee || k.call == besides || !k.counts(now) {
			continue
		}
		serves = append(serves, k.caller)
		if trace != "" && k.trace == trace {
			traced = append(traced, k.caller)
		}
	}
	got := [][]agent.ID{by(l.All(callee, now, besides)), by(l.Traced(callee, trace, now, besides))}
	if diff := cmp.Diff([][]agent.ID{serves, traced}, got); diff != "" {
		t.Fatalf("%s serves, and of trace %q (-list +ledger):\n%s", callee, trace, diff)
	}
	if l.Any(callee, now, besides) != (len(serves) > 0) {
		t.Fatalf("%s serves %v: not so", callee, serves)
	}
}
