package governance_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/meshtest/governed"
)

// counted is a call under way that counts how often it is reviewed.
type counted struct {
	x       *governance.Exchange
	reviews int
	leave   func()
}

func (c *counted) Review(judge func(*governance.Exchange) governance.Verdict) {
	c.reviews++
	if judge(c.x).Decision != governance.Allow && c.leave != nil {
		c.leave()
	}
}

func TestOpenReviewsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	var open governance.Open
	open.Review(func(*governance.Exchange) governance.Verdict {
		t.Error("nothing is judged")
		return governance.Verdict{}
	})
	var calls []*counted
	for i := range 300 {
		x := &governance.Exchange{ID: fmt.Sprint("d-", i%200)} // ids need not be unique
		calls = append(calls, &counted{x: x})
		open.Enter(x, calls[i])
		open.Enter(x, calls[i])
	}
	if open.Len() != 300 {
		t.Errorf("%d are under way", open.Len())
	}
	for i, c := range calls {
		if i%3 == 0 {
			open.Leave(c.x, c)
			open.Leave(c.x, c)
		}
		if i%3 == 1 {
			c.leave = func() { open.Leave(c.x, c) }
		}
	}
	// One that leaves while it is reviewed must not keep the others from it.
	open.Review(func(*governance.Exchange) governance.Verdict { return governance.Verdict{} })
	for i, c := range calls {
		if want := min(i%3, 1); c.reviews != want {
			t.Errorf("call %d was reviewed %d times, want %d", i, c.reviews, want)
		}
	}
	if open.Len() != 100 {
		t.Errorf("%d are left under way", open.Len())
	}
}

func TestOpenFromManySides(t *testing.T) {
	t.Parallel()
	var open governance.Open
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 500 {
				x := &governance.Exchange{ID: fmt.Sprint(i, "-", j)}
				c := &fixed{}
				open.Enter(x, c)
				if j%50 == 0 {
					open.Review(func(*governance.Exchange) governance.Verdict { return governance.Verdict{} })
				}
				open.Leave(x, c)
			}
		})
	}
	group.Wait()
	if open.Len() != 0 {
		t.Errorf("%d are under way", open.Len())
	}
}

// fixed is a call that no review changes.
type fixed struct{ _ byte }

func (*fixed) Review(func(*governance.Exchange) governance.Verdict) {}

// underway returns a call that the governor of the shared mesh allowed, and where its records go.
func underway(t *testing.T, method string) (*governance.Governor, *governance.Exchange, *governed.Records) {
	t.Helper()
	m := meshtest.New()
	g, records := governed.Governor(m)
	body := meshtest.Invoke(method, "pay")
	request, err := governed.Request(m, meshtest.Call{From: "caller", To: "/agents/ledger", Body: body})
	if err != nil {
		t.Fatal(err)
	}
	x := g.Open(context.Background(), request)
	if x.Final {
		t.Fatalf("the call is denied: %+v", x.Verdict)
	}
	x = g.Resume(x.Passage(), request)
	if g.Close(t.Context(), x, []byte(body)); x.Verdict.Decision != governance.Allow {
		t.Fatalf("the call is denied: %+v", x.Verdict)
	}
	return g, x, records
}

var killed = governance.Verdict{
	Factor: "killed", Kind: governance.Forbidden, Party: governance.Organisation, Reason: "agent-killed",
	Message: "an operator stopped the agent", Evidence: []string{"switch:agent"},
}

// checkRecord wants the last of two records to tell of the cut.
func checkRecord(t *testing.T, records *governed.Records) {
	t.Helper()
	all := records.All()
	if len(all) != 2 || all[0].Decision != "allow" {
		t.Fatalf("%d records: %+v", len(all), all)
	}
	if r := all[1]; r.Decision != "deny" || r.Factor != "killed" || r.Reason != "agent-killed" || r.Phase != audit.AnswerPhase || len(r.Evidence) != 1 || r.ID != all[0].ID {
		t.Errorf("the record is %+v", r)
	}
}

func TestCutBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	g, x, records := underway(t, "SendMessage")
	g.Cut(x, killed)
	denial := x.Denial()
	if denial.Status != 200 || !strings.Contains(string(denial.Body), `"code":-31403`) || !strings.Contains(string(denial.Body), "AGENT_KILLED") {
		t.Errorf("the caller is told %d %s", denial.Status, denial.Body)
	}
	if g.Watch(x) != governance.WatchNothing {
		t.Error("an answer could still pass")
	}
	checkRecord(t, records)
}

// TestCutsDeny holds that no verdict lets a call that is cut off go on, and that each says why.
func TestCutsDeny(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]governance.Verdict{
		"allow": {Decision: governance.Allow, Factor: "odd"}, "zero": {}, "approve": {Decision: governance.Approve, Factor: "approval"},
	} {
		g, x, records := underway(t, "SendMessage")
		g.Cut(x, v)
		if x.Verdict.Decision == governance.Allow || x.Verdict.Reason == "" || x.Verdict.Message == "" || x.Verdict.Factor == "" {
			t.Errorf("%s: the verdict is %+v", name, x.Verdict)
		}
		if all := records.All(); len(all) != 2 || all[1].Decision == "allow" {
			t.Errorf("%s: the records are %+v", name, all)
		}
	}
}

func TestCutAnswers(t *testing.T) {
	t.Parallel()
	const (
		whole = `{"jsonrpc":"2.0","id":"r1","result":{}}`
		event = "data: {\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}\n\n"
	)
	for _, c := range []struct {
		name, method, media string
		chunks              []string
		end                 bool
		want                governance.Passing
	}{
		{"fields-held", "SendMessage", "application/json", nil, false, governance.Refuse},
		{"body-held", "SendMessage", "application/json", []string{whole[:9], whole[9:]}, false, governance.Refuse},
		{"over", "SendMessage", "application/json", []string{whole}, true, governance.Hold},
		{"events-begun", "SendStreamingMessage", "text/event-stream", nil, false, governance.Stop},
		{"between-events", "SendStreamingMessage", "text/event-stream", []string{event}, false, governance.Stop},
		{"amid-an-event", "SendStreamingMessage", "text/event-stream", []string{event + event[:20]}, false, governance.Stop},
		{"events-over", "SendStreamingMessage", "text/event-stream", []string{event}, true, governance.Hold},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, x, records := underway(t, c.method)
			r := g.Relay(x, governance.Reply{Status: 200, Header: identity.Header{{Name: "content-type", Value: c.media}}})
			r.Begin(t.Context())
			for i, chunk := range c.chunks {
				r.Next(t.Context(), []byte(chunk), c.end && i == len(c.chunks)-1)
			}
			part := r.Cut(killed)
			if part.Passing != c.want {
				t.Errorf("the last part is %v %q", part.Passing, part.Body)
			}
			if told := strings.HasPrefix(string(part.Body), "data: ") && strings.Contains(string(part.Body), "AGENT_KILLED") &&
				strings.HasSuffix(string(part.Body), "\n\n"); told != (c.want == governance.Stop) {
				t.Errorf("the last words are %q", part.Body)
			}
			for _, late := range []governance.Part{r.Next(t.Context(), []byte(event), true), r.Cut(killed)} {
				if late.Passing != governance.Hold || len(late.Body) > 0 {
					t.Errorf("afterwards passes %v %q", late.Passing, late.Body)
				}
			}
			if r.End(); c.want != governance.Hold {
				checkRecord(t, records)
			} else if n := len(records.All()); n != 1 {
				t.Errorf("an answer that was over has %d records", n)
			}
		})
	}
}
