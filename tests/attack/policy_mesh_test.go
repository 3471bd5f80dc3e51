package attack

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

// openPolicies opens what a process judges policies with: the documents, their limits, and the people who are asked.
func (r *replica) openPolicies() (err error) {
	ctx := r.w.Context()
	r.book, err = rulebook.Open(ctx, rulebook.Config{
		Bucket: r.bucket(rulebook.BucketName), Agents: func() policy.Agents { return registered{r} }, Now: time.Now, Logger: quiet, Changed: r.ask,
	})
	if err != nil {
		return err
	}
	limits := budget.Config{Process: fmt.Sprint("p", r.w.ids.next()), Now: time.Now, Logger: quiet}
	if r.w.shared {
		if limits.Bucket, err = r.line.Volatile(ctx, budgetsBucket); err != nil {
			return err
		}
	}
	if r.budgets, err = budget.New(limits); err != nil {
		return err
	}
	r.shelf = &held.Shelf{Bucket: r.bucket(held.BucketName), Kept: 24 * time.Hour}
	r.approvals, err = approval.Open(ctx, approval.Config{
		Bucket: r.bucket(approval.BucketName), Random: &r.w.ids, Now: time.Now, Logger: quiet, Pending: pendingCases, Acts: r.acts,
	})
	return err
}

// budgetsBucket is where processes share limits, as the binary names it.
const budgetsBucket = "budgets"

// pendingCases is how many cases of one agent people have before them at a time.
const pendingCases = 3

// acts reports whether an agent has the key of an approver.
func (r *replica) acts(a approval.Approver) bool {
	_, ok := r.agents.Snapshot().Key(a.Key)
	return a.Key != "" && ok
}

// registered are the agents of a process as policies are held against them.
type registered struct{ r *replica }

func (a registered) Agent(name agent.ID) (agent.Owner, bool) {
	record, ok := a.r.registered(name)
	if !ok {
		return "", false
	}
	return record.Owner, true
}

func (a registered) Owner(name agent.Owner) bool {
	for _, record := range a.r.agents.Snapshot().Agents() {
		if record.Owner == name {
			return true
		}
	}
	return false
}

// document is one of a party, with its subjects, targets and rules in YAML.
func document(name, spec string) string {
	return fmt.Sprintf("apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: %s}\nspec:\n  %s\n", name, strings.ReplaceAll(spec, "\n", "\n  "))
}

// write puts a document in force in all processes.
func (w *world) write(name, spec string) {
	w.Helper()
	if _, err := w.replicas[0].book.Put(w.Context(), rulebook.Change{Name: name, Source: []byte(document(name, spec))}); err != nil {
		var refused *rulebook.Refused
		if errors.As(err, &refused) {
			for _, p := range refused.Problems {
				w.Errorf("line %d: %s", p.Line, p.Reason)
			}
		}
		w.Fatal(err)
	}
	w.judged()
}

// judged lets all processes judge by what is written.
func (w *world) judged() {
	w.Helper()
	w.pass(time.Millisecond)
	for _, r := range w.replicas {
		if !r.dead && r.book.Image().Epoch() != w.replicas[0].book.Image().Epoch() {
			w.Fatal("the processes judge by different policies")
		}
	}
}

// people are those who approve: in finance ada and bob, and those who must not: eve is amber's owner, and mole has mallory's key.
var people = compiled(
	approval.Approver{Name: "ada", Groups: []string{"finance"}, Key: personDID("ada")},
	approval.Approver{Name: "bob", Groups: []string{"finance"}, Key: personDID("bob")},
	approval.Approver{Name: "eve", Owner: "Owner of Amber ", Groups: []string{"finance"}, Key: personDID("eve")},
	approval.Approver{Name: "mole", Groups: []string{"finance"}, Key: publicKey(mallory).DID},
	approval.Approver{Name: "guy", Groups: []string{"garden"}, Key: personDID("guy")},
)

func compiled(list ...approval.Approver) *approval.Approvers {
	approvers, err := approval.Compile(list)
	if err != nil {
		panic(err)
	}
	return approvers
}

func personKey(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, "person "+name)
	return ed25519.NewKeyFromSeed(seed)
}

func personDID(name string) string {
	return agent.NewKey(personKey(name).Public().(ed25519.PublicKey)).DID
}

// vote has a person decide about a case at a process.
func (r *replica) vote(ctx context.Context, name, id string, choice approval.Choice) error {
	a, err := r.approvals.Get(ctx, id, time.Now())
	if err != nil {
		return err
	}
	return r.ballot(ctx, personKey(name), a, choice)
}

// ballot has whoever has the key decide about a case.
func (r *replica) ballot(ctx context.Context, key ed25519.PrivateKey, a approval.Approval, choice approval.Choice) error {
	compact, err := approval.Sign(key, approval.Statement{Approval: a.ID, Digest: a.Digest, Choice: choice}, time.Now())
	if err != nil {
		return err
	}
	b, err := people.Signed(compact, time.Now())
	if err != nil {
		return err
	}
	_, err = r.approvals.Decide(ctx, a.ID, b, time.Now())
	return err
}

// approve has people approve a case.
func (w *world) approve(id string, names ...string) {
	w.Helper()
	for _, name := range names {
		w.must(w.replicas[0].vote(w.Context(), name, id, approval.Approve))
	}
}

// waits checks that a call waits for people: nothing reached the agent, the record says so, and the caller is told which
// case it is and little else. It returns the case's id.
func (c *conversation) waits() string {
	c.w.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	records := c.records()
	if c.passed || len(c.answer) > 0 {
		c.w.Error("a call that waits got through to the agent")
	}
	if len(records) != 1 || records[0].Decision != "approve" || records[0].Reason != policy.ReasonApproval || records[0].Approval == "" {
		c.w.Fatalf("the records are %+v, want one of a call that waits", records)
	}
	c.secrets(records[0], string(c.told.Body))
	return records[0].Approval
}

// result is the task in what the caller was told or answered.
type result struct {
	ID     string `json:"id"`
	Status struct {
		State string `json:"state"`
	} `json:"status"`
	Task *result `json:"task"`
}

// task returns the task that the caller was told of, by the mesh or by the agent.
func (c *conversation) task() result {
	c.w.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	body := c.answer
	if len(body) == 0 {
		body = c.told.Body
	}
	var answer struct {
		Result result `json:"result"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		c.w.Fatalf("%v in %s", err, body)
	}
	if answer.Result.Task != nil {
		return *answer.Result.Task
	}
	return answer.Result
}

// alone has a request decided at once, as where one check with the body decides everything.
func (r *replica) alone(s *wire) *conversation {
	r.w.Helper()
	whole := s.copy()
	whole.Body, whole.Complete = whole.body, true
	c := &conversation{w: r.w, r: r, over: true}
	c.x = r.governor.Open(r.w.Context(), whole.Request)
	c.decided()
	return c
}

// inMesh runs an attack in a mesh of two processes.
func inMesh(t *testing.T, attack func(w *world, first, second *replica)) {
	t.Helper()
	under(t, func(w *world) { w.shared = true }, func(w *world) {
		second := w.start()
		w.pass(2 * time.Second)
		attack(w, w.replicas[0], second)
	})
}
