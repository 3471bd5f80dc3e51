package attack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
)

// conversation is one request on its way through a process, and its answer.
type conversation struct {
	w *world
	r *replica

	mu      sync.Mutex
	x       *governance.Exchange
	passed  bool // the request has reached its agent
	relay   *governance.Relay
	answer  []byte       // what of the answer has reached the caller
	told    a2a.Response // what the caller got in place of an answer
	refused bool
	over    bool
}

// begin sends a request through both phases, the second at a process of the test's choice, and leaves the answer open.
func (w *world) begin(first, second *replica, s *wire) *conversation {
	w.Helper()
	c := &conversation{w: w, r: second}
	c.x = first.governor.Open(w.Context(), s.Request)
	if c.x.Final {
		c.decided()
		c.over = true
		return c
	}
	passage, err := governance.ParsePassage(c.x.Passage().String())
	if err != nil {
		w.Fatal(err)
	}
	c.x = second.governor.Resume(passage, s.Request)
	c.x.Replaces = governance.ReplacesAll
	second.open.Enter(c.x, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	second.governor.Close(w.Context(), c.x, s.body)
	c.decided()
	return c
}

// decided takes what the verdict on the request comes to.
func (c *conversation) decided() {
	if c.x.Verdict.Decision == governance.Allow {
		c.passed = true
		return
	}
	if c.x.Passage().String() != "" {
		c.w.Error("a denied request leaves a passage")
	}
	c.told, c.refused = c.x.Denial(), true
}

// send sends a request through one process, and has it answered at once when it is let through.
func (r *replica) send(s *wire) *conversation {
	r.w.Helper()
	c := r.w.begin(r, r, s)
	if c.passed && !c.over {
		c.reply(http.StatusOK, "application/json", `{"jsonrpc":"2.0","id":"r1","result":{}}`)
	}
	c.close()
	return c
}

// reply has the agent answer with a whole body.
func (c *conversation) reply(status int, media, body string) {
	c.start(status, media)
	c.say(body, true)
}

// start has the agent begin its answer.
func (c *conversation) start(status int, media string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused {
		return
	}
	c.relay = c.r.governor.Relay(c.x, governance.Reply{Status: status, Header: identity.Header{{Name: "content-type", Value: media}}})
	c.pass(c.relay.Begin(c.w.Context()))
}

// say has the agent send a part of its answer.
func (c *conversation) say(text string, end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.relay != nil && !c.refused {
		c.pass(c.relay.Next(c.w.Context(), []byte(text), end))
	}
}

// got returns what of the answer has reached the caller.
func (c *conversation) got() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.answer)
}

// pass takes what may pass of the answer. c.mu is held.
func (c *conversation) pass(part governance.Part) {
	switch part.Passing {
	case governance.Pass, governance.Stop:
		c.answer = append(c.answer, part.Body...)
		c.refused = c.refused || part.Passing == governance.Stop
	case governance.Refuse:
		c.told, c.refused = c.x.Denial(), true
	}
}

// Review cuts the conversation off when it is not allowed any more.
func (c *conversation) Review(judge func(*governance.Exchange) governance.Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.refused || !c.passed {
		return
	}
	v := judge(c.x)
	switch {
	case v.Decision == governance.Allow:
	case c.relay != nil:
		c.pass(c.relay.Cut(v))
	default:
		c.r.governor.Cut(c.x, v)
		c.told, c.refused = c.x.Denial(), true
	}
}

// close ends the conversation.
func (c *conversation) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.relay != nil {
		c.relay.End()
	}
	c.r.open.Leave(c.x, c)
	c.r.governor.Leave(c.x)
}

// allowed checks a control: the request was let through, and its record says so.
func (c *conversation) allowed() *conversation {
	c.w.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	records := c.records()
	if !c.passed || c.refused || len(records) != 1 || records[0].Decision != "allow" {
		c.w.Errorf("the control is not let through: %+v", records)
	}
	return c
}

// denied checks how an attack ends: nothing reached the agent, one record says why, and the caller is told little.
func (c *conversation) denied(factor, reason string) *conversation {
	c.w.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	records := c.records()
	if c.passed || len(c.answer) > 0 {
		c.w.Errorf("the attack got through to the agent")
	}
	if len(records) != 1 || records[0].Decision != "deny" || records[0].Factor != factor || records[0].Reason != reason {
		c.w.Errorf("the records are %+v, want a deny of %s for %s", records, factor, reason)
		return c
	}
	c.saysLittle(records[0], c.told)
	return c
}

// records returns those of the decision. The header phase may have run in another process than the rest.
func (c *conversation) records() []audit.Record {
	var records []audit.Record
	for _, r := range c.w.replicas {
		records = append(records, r.recorded(c.x.ID)...)
	}
	return records
}

// cut checks that a conversation under way was ended: nothing more passes, a second record says why, and the caller is told
// little.
func (c *conversation) cut(factor, reason string) {
	c.w.Helper()
	before := c.got()
	c.say(c.event("too late"), false)
	if after := c.got(); after != before {
		c.w.Errorf("the answer goes on: %q", after)
	}
	c.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.refused {
		c.w.Error("the call is not cut off")
	}
	records := c.records()
	if len(records) != 2 || records[1].Decision != "deny" || records[1].Factor != factor || records[1].Reason != reason || records[1].Phase != audit.AnswerPhase {
		c.w.Errorf("the records are %+v, want a second one of %s for %s", records, factor, reason)
		return
	}
	told := c.told
	if told.Status == 0 {
		last := c.answer[strings.LastIndex(string(c.answer), "data: ")+len("data: "):]
		told = a2a.Response{Status: http.StatusOK, Body: []byte(strings.TrimSpace(string(last)))}
		told.Headers = [][2]string{{governance.DecisionHeader, c.x.ID}}
	}
	c.saysLittle(records[1], told)
}

// publicFields are those of a denial, with what stands in them; an empty text is for what the binding and the verdict say.
var publicFields = map[string]string{
	"content-type": "", "cache-control": "no-store", "www-authenticate": `Signature realm="ringfence"`, "accept-signature": governance.Accept,
	"retry-after": "", governance.DecisionHeader: "",
}

// saysLittle checks all that a caller is told: the code, the reason's word, the party, the decision's id and one sentence.
func (c *conversation) saysLittle(record audit.Record, told a2a.Response) {
	c.w.Helper()
	for _, field := range told.Headers {
		if fixed, known := publicFields[field[0]]; !known || fixed != "" && fixed != field[1] {
			c.w.Errorf("the caller is told %q", field)
		}
	}
	if i := slices.IndexFunc(told.Headers, func(f [2]string) bool { return f[0] == governance.DecisionHeader }); i < 0 || told.Headers[i][1] != record.ID {
		c.w.Errorf("the caller is not told the decision's id: %q", told.Headers)
	}
	var body any
	if err := json.Unmarshal(bytes.TrimPrefix(told.Body, []byte("data: ")), &body); err != nil {
		c.w.Errorf("the denial is %q: %v", told.Body, err)
		return
	}
	codes := c.x.Verdict.Kind.Codes()
	public := []string{
		"2.0", "r1", "<nil>", "type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.RetryInfo", a2a.ErrorDomain,
		strings.ToUpper(strings.ReplaceAll(record.Reason, "-", "_")), record.Party, record.ID, c.x.Verdict.Message,
		strconv.Itoa(codes.HTTP), strconv.Itoa(codes.JSONRPC), strconv.Itoa(c.x.Verdict.Code),
	}
	if c.x.Approval.ID != "" {
		public = append(public, c.x.Approval.ID, c.x.Approval.Expires.UTC().Format(time.RFC3339))
	}
	for _, leaf := range leaves(body) {
		if !slices.Contains(public, leaf) && !word.MatchString(leaf) {
			c.w.Errorf("the caller is told %q", leaf)
		}
	}
	c.secrets(record, string(told.Body))
}

// secrets checks that nothing which is for the record alone is among what the caller is told.
func (c *conversation) secrets(record audit.Record, told string) {
	c.w.Helper()
	secrets := slices.Clone(record.Evidence)
	for _, name := range []agent.ID{amber, basalt, cobalt, dolomite, mallory, obsidian} {
		secrets = append(secrets, string(name), publicKey(name).Fragment(), publicKey(name).Mesh)
	}
	for _, secret := range secrets {
		if strings.Contains(told, secret) {
			c.w.Errorf("the caller is told %q in %s", secret, told)
		}
	}
}

// word is the name of a google.rpc.Code, or a number of seconds.
var word = regexp.MustCompile(`^([A-Z_]+|[0-9]+s)$`)

// leaves returns every text and number in a JSON value.
func leaves(value any) []string {
	var all []string
	switch value := value.(type) {
	case map[string]any:
		for _, member := range value {
			all = append(all, leaves(member)...)
		}
	case []any:
		for _, element := range value {
			all = append(all, leaves(element)...)
		}
	case float64:
		all = append(all, strconv.FormatFloat(value, 'f', -1, 64))
	default:
		all = append(all, fmt.Sprint(value))
	}
	return all
}

// event is one of an answer that streams, about a task of its caller.
func (c *conversation) event(text string) string {
	return fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{\"statusUpdate\":{\"taskId\":\"task-%s\",\"contextId\":\"c\","+
		"\"status\":{\"state\":\"TASK_STATE_WORKING\",\"message\":{\"messageId\":\"a\",\"role\":\"ROLE_AGENT\",\"parts\":[{\"text\":%q}]}}}}}\n\n", c.x.Caller.Agent, text)
}

var _ governance.Carried = (*conversation)(nil)
