package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/tests/conformance"
)

// TestPolicyCutsCallsUnderWay writes a policy while calls are under way that it would refuse: they end with its refusal.
// Those of an agent that the policy does not speak of go on.
func TestPolicyCutsCallsUnderWay(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	meant, spared := th.joins(t, "meant", 2), th.joins(t, "spared", 2)
	type call struct {
		w      wire
		stream bool
		h      heard
		err    error
	}
	var begun, ended sync.WaitGroup
	calls := make([]call, 0, 2*len(wires))
	for _, w := range wires {
		for _, op := range []string{"stream", "send"} {
			calls = append(calls, call{w: w, stream: op == "stream"})
		}
	}
	say := func(c *call) {
		s := spokenStep{step: step{op: "send", message: fmt.Sprint(conformance.HoldPrefix, "-review-send-", c.w.name())}}
		if c.stream {
			s.op, s.message, s.begun = "stream", strings.Replace(s.message, "send", "stream", 1), begun.Done
			begun.Add(1)
		}
		ended.Go(func() { c.h, c.err = meant.says(th.doors["player"], c.w, s) })
	}
	for i := range calls {
		say(&calls[i])
	}
	// The agent of the last wire is asked by the other one, too.
	kept := make(chan heard, 1)
	other := make(chan struct{})
	go func() {
		h, err := spared.says(th.doors["player"], wires[0], spokenStep{
			step: step{op: "stream", message: conformance.HoldPrefix + "-spared"}, begun: func() { close(other) },
		})
		h.err = errors.Join(h.err, err)
		kept <- h
	}()
	begun.Wait()
	<-other
	eventually(t, "the calls are under way", func() error {
		_, answer, err := th.tryAPI(http.MethodGet, "/v1/decisions?limit=100", "")
		if err != nil {
			return err
		}
		var list struct{ Decisions []audit.Record }
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			return err
		}
		n := 0
		for _, r := range list.Decisions {
			if r.Caller == "meant" && r.Decision == "allow" {
				n++
			}
		}
		if n != len(calls) {
			return fmt.Errorf("%d of %d are", n, len(calls))
		}
		return nil
	})
	written := time.Now()
	th.put(t, "cut", document("cut", "callee", "targets: {agents: [player]}\n  subjects: {agents: [meant]}", "forbid: {message: not any more}"))
	ended.Wait()
	t.Logf("all were cut off %s after the policy was written", time.Since(written).Round(time.Millisecond))
	want := forbidden.because("POLICY_FORBIDS")
	for _, c := range calls {
		switch {
		case c.err != nil:
			t.Errorf("%s: %v", c.w, c.err)
		case c.stream:
			if err := want.ended(c.w, c.h); err != nil {
				t.Error(err)
			}
		default:
			if err := want.denied(c.w, false, c.h); err != nil {
				t.Error(err)
			}
		}
	}
	th.record(t, "a call that was cut off", func(r audit.Record) bool {
		return r.Caller == "meant" && r.Phase == audit.AnswerPhase && r.Reason == "policy-forbids" && strings.Contains(fmt.Sprint(r.Evidence), "policy cut rules[0] forbid")
	})
	select {
	case h := <-kept:
		t.Errorf("the call of the other agent ends too: %+v", h)
	default:
	}
	task := conformance.TaskID(conformance.HoldPrefix + "-spared")
	if h, err := spared.says(th.doors["player"], wires[0], spokenStep{step: step{op: "cancel", task: task}}); err != nil || h.reason != "" {
		t.Errorf("%+v %v", h, err)
	}
	if h := <-kept; h.err != nil || !strings.Contains(h.body, "TASK_STATE_CANCELED") {
		t.Errorf("the call of the other agent ends with %+v", h)
	}
}
