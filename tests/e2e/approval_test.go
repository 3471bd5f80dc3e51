package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// jury are people who approve: ada and ben of finance, eve, who answers for the agents of team anna, and kim, who has a token
// in place of a key.
type jury struct {
	keys     map[string]string
	tokens   issuer
	settings string
}

func newJury(t *testing.T) *jury {
	t.Helper()
	dir := t.TempDir()
	j := &jury{keys: map[string]string{}, tokens: newIssuer(t, "https://people.example")}
	dids := map[string]string{}
	for _, name := range []string{"ada", "ben", "eve"} {
		j.keys[name] = filepath.Join(dir, name+".pem")
		if name == "ben" {
			// Who has no ringfence at hand makes a key with OpenSSL.
			if out, err := exec.Command("openssl", "genpkey", "-algorithm", "ed25519", "-out", j.keys[name]).CombinedOutput(); err != nil {
				t.Fatalf("openssl: %v\n%s", err, out)
			}
		} else {
			ringfence(t, false, "identity", "new", "--out", j.keys[name])
		}
		var shown struct{ DID string }
		if err := json.Unmarshal([]byte(ringfence(t, false, "identity", "show", j.keys[name])), &shown); err != nil {
			t.Fatal(err)
		}
		dids[name] = shown.DID
	}
	j.settings = fmt.Sprintf(`identity: {issuers: [%s]}
approvals:
  approvers:
    - {name: ada, groups: [finance], key: %q}
    - {name: ben, groups: [finance, security], key: %q}
    - {name: eve, groups: [finance], key: %q, owner: team anna}
    - {name: kim, groups: [board], issuer: %q, subject: kim}
`, j.tokens.settings(t), dids["ada"], dids["ben"], dids["eve"], j.tokens.url)
	return j
}

// vote has somebody approve or deny by the command.
func (j *jury) vote(t *testing.T, m *mesh, fails bool, choice, name, id string) string {
	t.Helper()
	return ringfence(t, fails, "approvals", choice, id, "--key", j.keys[name], "--reason", "ticket 4711", "--ready-file", filepath.Join(m.dir, "ready.json"))
}

// cashier is an agent that counts what it was asked for, and answers all with a message.
type cashier struct {
	mu    sync.Mutex
	asked map[string]int
}

func (c *cashier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     json.RawMessage
		Params struct {
			Message struct{ MessageID string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[call.Params.Message.MessageID]++
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, done(call.ID)) //nolint:errcheck // the client notices
}

func (c *cashier) times(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[id]
}

// counter is a mesh in which a cashier asks two people before it pays.
type counter struct {
	*mesh
	*jury
	cashier *cashier
	anna    *caller
	dir     string
	url     string
	more    string
}

func newCounter(t *testing.T, more string) *counter {
	t.Helper()
	c := &counter{jury: newJury(t), cashier: &cashier{asked: map[string]int{}}, anna: newCaller(t), dir: t.TempDir(), more: more}
	server := httptest.NewServer(c.cashier)
	t.Cleanup(server.Close)
	c.up(t)
	c.register(t, map[string]any{"name": "anna", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.anna.did}, "ringCeiling": 2, "owner": "team anna"})
	c.register(t, map[string]any{"name": "cashier", "card": jsonCard(server.URL + "/rpc"), "owner": "team cash"})
	c.routed(t, "cashier")
	c.put(t, "pay", document("pay", "callee", "targets: {agents: [cashier], effects: [write]}",
		"require_approval: {min_approvals: 2, groups: [finance], timeout: 1h}"))
	return c
}

func (c *counter) up(t *testing.T) {
	t.Helper()
	c.mesh = upWith(t, "up", c.dir, steady+c.settings+c.more)
	c.url = c.ready.GatewayURL + "/agents/cashier"
}

func (c *counter) send(t *testing.T, id string) string {
	t.Helper()
	status, answer, err := c.anna.call(c.url, message(id, ""))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	return answer
}

var approvalInJSON = regexp.MustCompile(`"approvalId":"([^"]+)"`)

// waits sends a message that has to wait for people, and returns the approval's id.
func (c *counter) waits(t *testing.T, id string) string {
	t.Helper()
	return waitsIn(t, c.send(t, id))
}

func waitsIn(t *testing.T, answer string) string {
	t.Helper()
	found := approvalInJSON.FindStringSubmatch(answer)
	if found == nil || !strings.Contains(answer, `"reason":"APPROVAL_REQUIRED","domain":"ringfence.dev"`) {
		t.Fatalf("the message does not wait: %s", answer)
	}
	return found[1]
}

// approved is what the API says of an approval, as far as these tests look.
type approved struct {
	ID, State, Caller, Callee, Digest string
	Votes                             []struct{ Approver, Decision, Reason string }
}

func (m *mesh) approval(t *testing.T, id string) approved {
	t.Helper()
	status, answer := m.api(t, http.MethodGet, "/v1/approvals/"+id, "")
	var a approved
	if err := json.Unmarshal([]byte(answer), &a); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	return a
}

// becomes waits until an approval is in a state.
func (m *mesh) becomes(t *testing.T, id, state string) {
	t.Helper()
	eventually(t, id+" is "+state, func() error {
		if a := m.approval(t, id); a.State != state {
			return fmt.Errorf("it is %s", a.State)
		}
		return nil
	})
}

// TestApprovals has two people approve a call, which then passes once.
func TestApprovals(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "")
	answer := c.send(t, "m1")
	id := waitsIn(t, answer)
	for _, part := range []string{`"code":-31403`, `"retryDelay":"5s"`, `"statusUrl":"` + c.ready.APIURL + "/v1/approvals/" + id + `"`, `"expiresAt":"`} {
		if !strings.Contains(answer, part) {
			t.Errorf("no %s in %s", part, answer)
		}
	}
	if again := c.waits(t, "m1"); again != id {
		t.Errorf("the same call is asked about as %s and %s", id, again)
	}
	if other := c.waits(t, "m2"); other == id {
		t.Error("another call is the same to people")
	}

	// The agent sees how its case stands, and nobody else does.
	status := func(by *caller) (int, string) {
		r, err := http.NewRequest(http.MethodGet, c.ready.APIURL+"/v1/approvals/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := by.signer.Sign(r, nil); err != nil {
			t.Fatal(err)
		}
		code, said, err := exchange(r)
		if err != nil {
			t.Fatal(err)
		}
		return code, said
	}
	if code, said := status(c.anna); code != http.StatusOK || !strings.Contains(said, `"state":"pending"`) || strings.Contains(said, "finance") {
		t.Errorf("the agent is told %d %s", code, said)
	}
	bert := newCaller(t)
	c.register(t, map[string]any{"name": "bert", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{bert.did}})
	if code, said := status(bert); code != http.StatusNotFound {
		t.Errorf("another agent is told %d %s", code, said)
	}

	// Who answers for the agent that asks, who is not asked, and the administrator do not decide.
	if out := c.vote(t, c.mesh, true, "approve", "eve", id); !strings.Contains(out, "403") && !strings.Contains(out, "answers for an agent") {
		t.Errorf("an owner votes: %s", out)
	}
	ready := filepath.Join(c.dir, "ready.json")
	if out := ringfence(t, true, "approvals", "approve", id, "--ready-file", ready); !strings.Contains(out, "administrator") {
		t.Errorf("the administrator votes: %s", out)
	}
	if out := ringfence(t, false, "approvals", "list", "--ready-file", ready); !strings.Contains(out, id) || !strings.Contains(out, "0/2") || strings.Contains(out, "hello") {
		t.Errorf("the list says %s", out)
	}

	if out := c.vote(t, c.mesh, false, "approve", "ada", id); !strings.Contains(out, "pending") || !strings.Contains(out, "1 approved") {
		t.Errorf("after one vote: %s", out)
	}
	c.vote(t, c.mesh, false, "approve", "ada", id)
	c.waits(t, "m1")
	if out := c.vote(t, c.mesh, false, "approve", "ben", id); !strings.Contains(out, "granted") || !strings.Contains(out, "ada approve: ticket 4711") {
		t.Errorf("after two votes: %s", out)
	}
	if code, said := status(c.anna); code != http.StatusOK || !strings.Contains(said, `"state":"granted"`) {
		t.Errorf("the agent is told %d %s", code, said)
	}
	c.waits(t, "m2") // is another call

	// Of several repetitions one passes.
	answers := make([]string, 8)
	var calls sync.WaitGroup
	for i := range answers {
		calls.Go(func() {
			_, said, err := c.anna.call(c.url, message("m1", ""))
			answers[i] = fmt.Sprint(said, err)
		})
	}
	calls.Wait()
	passed := 0
	for _, said := range answers {
		if strings.Contains(said, `"done"`) {
			passed++
		} else if fresh := waitsIn(t, said); fresh == id {
			t.Error("a repetition waits for what was used")
		}
	}
	if passed != 1 || c.cashier.times("m1") != 1 {
		t.Errorf("%d repetitions passed, and the agent was asked %d times", passed, c.cashier.times("m1"))
	}
	c.becomes(t, id, "consumed")
	if out := c.vote(t, c.mesh, true, "deny", "ben", id); !strings.Contains(out, "ended") {
		t.Errorf("a late vote: %s", out)
	}
	votes := c.approval(t, id).Votes
	if len(votes) < 2 || votes[0].Approver != "ada" || votes[len(votes)-1].Approver != "ben" {
		t.Errorf("the votes are %+v", votes)
	}
}

// TestApprovalsThatFail denies one call and takes another back, and lets policies change under a third.
func TestApprovalsThatFail(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "")
	id := c.waits(t, "denied")
	c.vote(t, c.mesh, false, "approve", "ada", id)
	if out := c.vote(t, c.mesh, false, "deny", "ben", id); !strings.Contains(out, "denied") {
		t.Errorf("a denial: %s", out)
	}
	for range 2 {
		if answer := c.send(t, "denied"); !strings.Contains(answer, `"reason":"APPROVAL_DENIED"`) || strings.Contains(answer, "ben") {
			t.Errorf("the caller is told %s", answer)
		}
	}

	id = c.waits(t, "taken-back")
	r, err := http.NewRequest(http.MethodDelete, c.ready.APIURL+"/v1/approvals/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.anna.signer.Sign(r, nil); err != nil {
		t.Fatal(err)
	}
	if status, answer, err := exchange(r); err != nil || status != http.StatusNoContent {
		t.Errorf("taking a call back: %d %s %v", status, answer, err)
	}
	if out := c.vote(t, c.mesh, true, "approve", "ada", id); !strings.Contains(out, "ended") {
		t.Errorf("a vote about what was taken back: %s", out)
	}
	if again := c.waits(t, "taken-back"); again == id {
		t.Error("what was taken back is asked about as before")
	}

	id = c.waits(t, "outdated")
	c.vote(t, c.mesh, false, "approve", "ada", id)
	c.vote(t, c.mesh, false, "approve", "ben", id)
	c.put(t, "other", document("other", "callee", "targets: {agents: [cashier]}", "max_body: 64KiB"))
	if again := c.waits(t, "outdated"); again == id {
		t.Error("an approval counts under other policies")
	}
	for _, name := range []string{"denied", "taken-back", "outdated"} {
		if n := c.cashier.times(name); n != 0 {
			t.Errorf("the agent was asked %d times for what was %s", n, name)
		}
	}
}

// TestApprovalsSurviveKills kills the mesh after the question, between votes, and before and after the repetition.
func TestApprovalsSurviveKills(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "")
	again := func() {
		t.Helper()
		c.stop(t, syscall.SIGKILL)
		c.up(t)
		c.routed(t, "cashier")
		// Signatures of the second in which the process began do not count.
		eventually(t, "the mesh takes signatures", func() error {
			_, answer, err := c.anna.call(c.url, rpc("GetTask", `{"id":"x"}`))
			return mismatch(http.StatusOK, `"done"`)(http.StatusOK, answer, err)
		})
	}
	id := c.waits(t, "m1")
	again()
	if now := c.waits(t, "m1"); now != id {
		t.Errorf("after a kill the call is asked about as %s, not %s", now, id)
	}
	c.vote(t, c.mesh, false, "approve", "ada", id)
	again()
	if out := c.vote(t, c.mesh, false, "approve", "ben", id); !strings.Contains(out, "granted") {
		t.Errorf("after a kill between the votes: %s", out)
	}
	again()
	if answer := c.send(t, "m1"); !strings.Contains(answer, `"done"`) {
		t.Errorf("after a kill before the repetition: %s", answer)
	}
	again()
	if now := c.waits(t, "m1"); now == id {
		t.Error("what was used counts after a kill")
	}
	if n := c.cashier.times("m1"); n != 1 {
		t.Errorf("the agent was asked %d times", n)
	}
}

// TestApprovalsOverEveryWire has calls of both generations, over every binding, single and streaming, wait, pass once, and
// wait again. The one who approves has a token.
func TestApprovalsOverEveryWire(t *testing.T) {
	t.Parallel()
	j := newJury(t)
	th := &theatre{mesh: upWith(t, "up", "", steady+j.settings), doors: map[string]map[wire]string{}, tokens: j.tokens}
	th.register(t, map[string]any{"name": "player", "cardUrl": conformanceAgent(t).URL})
	at, c := th.mesh.doors(t, "player"), th.joins(t, "caller", 2)
	th.put(t, "ask", document("ask", "callee", "targets: {agents: [player]}", "require_approval: {groups: [board], methods: [SendMessage, SendStreamingMessage]}"))
	token := j.tokens.token(t, "kim", meshAudience)
	for _, w := range wires {
		for _, op := range []string{"send", "stream"} {
			s := spokenStep{step: step{op: op, message: "tck-complete-task-wire-" + w.name() + "-" + op}}
			say := func() heard {
				h, err := c.says(at, w, s)
				if err != nil {
					t.Fatal(err)
				}
				return h
			}
			if err := toApprove.denied(w, op == "stream", say()); err != nil {
				t.Errorf("%s before: %v", op, err)
				continue
			}
			_, answer := th.api(t, http.MethodGet, "/v1/approvals?state=pending&caller=caller", "")
			var list struct{ Approvals []approved }
			if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Approvals) != 1 {
				t.Fatalf("%s %v", answer, err)
			}
			asked := list.Approvals[0]
			if status, answer := th.approve(t, asked, token); status != http.StatusOK || !strings.Contains(answer, `"granted"`) {
				t.Fatalf("%d %s", status, answer)
			}
			if err := say().passed(w); err != nil {
				t.Errorf("%s after: %v", op, err)
			}
			if err := toApprove.denied(w, op == "stream", say()); err != nil {
				t.Errorf("%s again: %v", op, err)
			}
			_, answer = th.api(t, http.MethodGet, "/v1/approvals?state=pending&caller=caller", "")
			if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Approvals) != 1 || list.Approvals[0].ID == asked.ID {
				t.Fatalf("%s %v", answer, err)
			}
			if status, answer := th.api(t, http.MethodDelete, "/v1/approvals/"+list.Approvals[0].ID, ""); status != http.StatusNoContent {
				t.Fatalf("%d %s", status, answer)
			}
		}
	}
}

// approve votes by a token.
func (m *mesh) approve(t *testing.T, a approved, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, m.ready.APIURL+"/v1/approvals/"+a.ID+"/decisions", strings.NewReader(fmt.Sprintf(`{"decision":"approve","digest":%q}`, a.Digest)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := exchange(r)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}
