package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/store"
)

// TestPolicyReplicas runs two processes of one mesh on one store, each with its own gateway: what is written at the one is in
// force at the other, and limits and approvals count for both together.
func TestPolicyReplicas(t *testing.T) {
	t.Parallel()
	people := newJury(t)
	r := startReplicas(t, steady+people.settings)
	r.each[0].register(t, map[string]any{"name": "writer", "card": jsonCard(echo(t)), "owner": "team writer"})
	slow, card := newSlow(t, false)
	r.each[0].register(t, map[string]any{"name": "slow", "card": card, "owner": "team writer"})
	for i := range r.each {
		r.each[i].routed(t, "writer")
		r.each[i].routed(t, "slow")
	}
	// One after the other: when policies change, approvals are worth nothing.
	t.Run("writes", r.policyWrites)
	t.Run("rate", r.policyRate)
	t.Run("concurrency", func(t *testing.T) { r.policyConcurrency(t, slow) })
	t.Run("approvals", func(t *testing.T) { r.policyApprovals(t, people) })
	t.Run("tasks", func(t *testing.T) { r.policyTasks(t, people) })
	t.Run("expiry", func(t *testing.T) { r.policyExpiry(t, people) })
}

// awaits writes a policy at one replica and waits until both have the same set in force.
func (r *replicas) awaits(t *testing.T, i int, name, text string) {
	t.Helper()
	begun := time.Now()
	r.each[i].put(t, name, text)
	since(t, begun, "the policy "+name+" is in force at the other replica", func() error {
		status, answer, err := r.each[1-i].tryAPI(http.MethodGet, "/v1/policies/"+name, "")
		if err == nil && (status != http.StatusOK || !strings.Contains(answer, `"state":"live"`)) {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
}

func (r *replicas) policyWrites(t *testing.T) {
	c := r.enlist(t, "plain", nil)
	for i := range r.each {
		eventually(t, "the caller is known", c.answers(r.url(i, "writer"), message("m", ""), http.StatusOK, `"done"`))
	}
	r.awaits(t, 0, "plain", document("plain", "caller", "subjects: {agents: [plain]}", "max_body: 1B"))
	for i := range r.each {
		if err := c.answers(r.url(i, "writer"), message("m", ""), http.StatusOK, "POLICY_BODY_TOO_LARGE")(); err != nil {
			t.Errorf("at %d: %v", i, err)
		}
	}
	begun := r.ask(t, 1, http.MethodDelete, "/v1/policies/plain", "")
	since(t, begun, "a deletion counts at the other replica", c.answers(r.url(0, "writer"), message("m", ""), http.StatusOK, `"done"`))
}

// policyRate uses up a burst at both gateways: all of it is let through, and no more.
func (r *replicas) policyRate(t *testing.T) {
	const burst = 30
	c := r.enlist(t, "often", nil)
	r.awaits(t, 0, "often", document("often", "gateway", "subjects: {agents: [often]}", fmt.Sprintf("rate_limit: {requests: 1, per: 24h, burst: %d}", burst)))
	var mu sync.Mutex
	passed, refused, wrong := 0, 0, ""
	call := func(i int) {
		status, answer, err := c.call(r.url(i, "writer"), message("m", ""))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case mismatch(http.StatusOK, `"done"`)(status, answer, err) == nil:
			passed++
		case mismatch(http.StatusOK, "POLICY_RATE_EXCEEDED")(status, answer, err) == nil && strings.Contains(answer, `"retryDelay":"`):
			refused++
		default:
			wrong = fmt.Sprint(status, " ", answer, " ", err)
		}
	}
	var calls sync.WaitGroup
	for n := range 2 * burst {
		calls.Go(func() { call(n % 2) })
	}
	calls.Wait()
	t.Logf("of %d calls at once %d passed", 2*burst, passed)
	// What one process has taken from the store and not used, it gives back for the other.
	eventually(t, "all of the burst has passed", func() error {
		call(0)
		call(1)
		if passed < burst {
			return fmt.Errorf("%d have", passed)
		}
		return nil
	})
	for n := range 20 {
		call(n % 2)
	}
	if passed != burst || wrong != "" {
		t.Errorf("%d calls passed of a burst of %d, %d were refused; another answer: %s", passed, burst, refused, wrong)
	}
}

// policyConcurrency has two streams under way, one through each gateway, where a policy lets two be.
func (r *replicas) policyConcurrency(t *testing.T, slow *slow) {
	c := r.enlist(t, "at-once", nil)
	r.awaits(t, 1, "at-once", document("at-once", "callee", "targets: {agents: [slow]}\n  subjects: {agents: [at-once]}", "concurrency: 2"))
	var streams []*http.Response
	for i := range r.each {
		response, err := c.open(t, r.url(i, "slow"), "application/json", meshtest.Invoke("SendStreamingMessage", "hello"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		streams = append(streams, response)
		<-slow.started
	}
	for i := range r.each {
		if err := c.answers(r.url(i, "slow"), message("m", ""), http.StatusOK, "POLICY_CALLS_WAITING")(); err != nil {
			t.Errorf("at %d: %v", i, err)
		}
	}
	begun := time.Now()
	streams[0].Body.Close()
	since(t, begun, "what ends at one gateway makes room at the other", func() error {
		response, err := c.open(t, r.url(1, "slow"), "application/json", meshtest.Invoke("SendStreamingMessage", "hello"))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		event := make([]byte, 256)
		n, err := response.Body.Read(event)
		if !strings.Contains(string(event[:n]), "TASK_STATE_WORKING") {
			return fmt.Errorf("%q %w", event[:n], err)
		}
		return nil
	})
}

// asks has people asked about a call through the first gateway.
func (r *replicas) asks(t *testing.T, c *caller, id string) string {
	t.Helper()
	status, answer, err := c.call(r.url(0, "writer"), message(id, ""))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	return waitsIn(t, answer)
}

// policyApprovals asks at one replica, has people vote at both, and repeats the call at both: it passes once.
func (r *replicas) policyApprovals(t *testing.T, people *jury) {
	c := r.enlist(t, "asking", map[string]any{"owner": "team asking"})
	r.awaits(t, 0, "asking", document("asking", "callee", "targets: {agents: [writer]}\n  subjects: {agents: [asking]}",
		"require_approval: {min_approvals: 2, groups: [finance]}"))
	id := r.asks(t, c, "m1")
	people.vote(t, r.each[0], false, "approve", "ada", id)
	eventually(t, "the other replica knows of the vote", func() error {
		status, answer, err := r.each[1].tryAPI(http.MethodGet, "/v1/approvals/"+id, "")
		if err == nil && (status != http.StatusOK || !strings.Contains(answer, `"approver":"ada"`)) {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
	if out := people.vote(t, r.each[1], false, "approve", "ben", id); !strings.Contains(out, "granted") {
		t.Errorf("a vote at the other replica: %s", out)
	}
	for i := range r.each {
		r.each[i].becomes(t, id, "granted")
	}
	answers := make([]string, 10)
	var calls sync.WaitGroup
	for i := range answers {
		calls.Go(func() {
			_, answer, err := c.call(r.url(i%2, "writer"), message("m1", ""))
			answers[i] = fmt.Sprint(answer, err)
		})
	}
	calls.Wait()
	if passed := strings.Count(strings.Join(answers, ""), `"done"`); passed != 1 {
		t.Errorf("%d of %d repetitions passed: %v", passed, len(answers), answers)
	}
	r.each[1].becomes(t, id, "consumed")
}

// policyTasks has a message wait as a task at one replica, and go on at the other.
func (r *replicas) policyTasks(t *testing.T, people *jury) {
	c := r.enlist(t, "patient", nil)
	r.awaits(t, 0, "patient", document("patient", "callee", "targets: {agents: [writer]}\n  subjects: {agents: [patient]}",
		"require_approval: {groups: [finance], methods: [SendMessage, SendStreamingMessage]}"))
	w := taskWires[0]
	say := func(i int, s step) heard {
		s.header = wants
		h, err := c.says(r.each[i].doors(t, "writer"), w, spokenStep{step: s})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := say(0, step{op: "send", message: "m1"})
	found := taskInJSON.FindStringSubmatch(h.body)
	if found == nil {
		t.Fatalf("%+v", h)
	}
	task, id := found[1], found[2]
	tells(t, "at the other replica", w, say(1, step{op: "get", task: task}), task, "AUTH_REQUIRED", "done")
	people.vote(t, r.each[0], false, "approve", "ada", id)
	r.each[1].becomes(t, id, "granted")
	if h := say(1, step{op: "get", task: task}); !strings.Contains(h.body, `"done"`) {
		t.Errorf("it does not go on at the other replica: %+v", h)
	} else {
		tells(t, "when it goes on", w, h, task, "COMPLETED", "APPROVAL")
	}
	tells(t, "at the first replica", w, say(0, step{op: "get", task: task}), task, "COMPLETED", "APPROVAL")
}

// policyExpiry lets the time of an approval be over. An hour is long, so that the store is told that it has passed.
func (r *replicas) policyExpiry(t *testing.T, people *jury) {
	c := r.enlist(t, "late", nil)
	r.awaits(t, 1, "late", document("late", "callee", "targets: {agents: [writer]}\n  subjects: {agents: [late]}", "require_approval: {groups: [finance]}"))
	pending, granted := r.asks(t, c, "m1"), r.asks(t, c, "m2")
	people.vote(t, r.each[1], false, "approve", "ada", granted)
	shared, err := store.OpenNATS(t.Context(), store.NATSConfig{URL: r.store.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shared.Close() })
	bucket, err := shared.Bucket(t.Context(), approval.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{pending, granted} {
		key, _, _ := strings.Cut(id, ".")
		entry, err := bucket.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		var a approval.Approval
		if err := json.Unmarshal(entry.Value, &a); err != nil {
			t.Fatal(err)
		}
		a.Expires = time.Now().Add(-time.Second)
		value, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bucket.CompareAndSet(t.Context(), key, value, entry.Revision); err != nil {
			t.Fatal(err)
		}
	}
	for message, id := range map[string]string{"m1": pending, "m2": granted} {
		for i := range r.each {
			eventually(t, "the time of "+id+" is over at each replica", func() error {
				if a := r.each[i].approval(t, id); a.State != "expired" {
					return fmt.Errorf("it is %s", a.State)
				}
				return nil
			})
		}
		if out := people.vote(t, r.each[0], true, "approve", "ben", id); !strings.Contains(out, "ended") {
			t.Errorf("a late vote: %s", out)
		}
		if again := r.asks(t, c, message); again == id {
			t.Errorf("%s is asked about as before", message)
		}
	}
}
