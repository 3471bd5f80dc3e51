package governance

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/callback"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

// TestFieldsThatStandTwice signs requests with each field doubled: the signature is sound, the request is not.
func TestFieldsThatStandTwice(t *testing.T) {
	t.Parallel()
	for name, denied := range map[string]bool{
		"content-type": true, "a2a-version": true, "authorization": true, "traceparent": true, "te": true, "grpc-timeout": true,
		"a2a-extensions": false, "x-a2a-extensions": false, "accept": false, "x-own": false,
	} {
		f := newFixture()
		request, _ := f.request(t, meshtest.Call{From: "caller", To: "/agents/weather", Body: meshtest.Send("rain?")})
		for _, value := range []string{"1.0", "0.3"} {
			request.Header = append(request.Header, identity.Field{Name: name, Value: value})
		}
		v := fieldsStage{}.Judge(t.Context(), &Exchange{Request: request})
		if got := v.Decision == Deny; got != denied || denied && v.Reason != "field-repeated" {
			t.Errorf("%s twice: %+v", name, v)
		}
	}
}

func TestVersionsThatDisagree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, field string
		denied      bool
	}{
		{"/agents/weather", "", false},
		{"/agents/weather", "99.0", false},
		{"/agents/weather?A2A-Version=1.0", "", false},
		{"/agents/weather?A2A-Version=1.0", "1.0", false},
		{"/agents/weather?A2A-Version=1.0", "0.3", true},
		{"/agents/weather?a2a-version=1.0", "0.3", true},
		{"/agents/weather?A2A%2DVersion=1.0", "0.3", true},
		{"/agents/weather?A2A-Version=1%2E0", "1.0", false},
		{"/agents/weather?A2A-Version=1.0&A2A-Version=0.3", "", true},
		{"/agents/weather?A2A-Version=%zz", "", true},
		{"/agents/weather?A2A-Version", "1.0", true},
		{"/agents/weather?other=1&x", "1.0", false},
	} {
		r := Request{Path: c.path}
		if c.field != "" {
			r.Header = identity.Header{{Name: "a2a-version", Value: c.field}}
		}
		if v := (fieldsStage{}).Judge(t.Context(), &Exchange{Request: r}); (v.Decision == Deny) != c.denied {
			t.Errorf("%s with field %q: %+v", c.path, c.field, v)
		}
	}
}

func TestTenants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		own, named string
		denied     bool
	}{
		{"", "", false},
		{"", "acme", false},
		{"acme", "", false},
		{"acme", "acme", false},
		{"acme", "Acme", true},
		{"acme", "rival", true},
	} {
		f := newFixture()
		f.Records["weather"].Card.Interfaces[0].Tenant = c.own
		f.Records["weather"].Card.Interfaces[1].Tenant = c.own
		for _, sent := range []meshtest.Call{
			{From: "caller", To: "/agents/weather", Body: call("GetTask", `{"id":"t","tenant":"`+c.named+`"}`)},
			{From: "caller", Method: "GET", To: "/agents/weather/tasks/t?tenant=" + c.named},
		} {
			if c.named == "" && sent.Method == "GET" {
				sent.To = "/agents/weather/tasks/t"
			}
			x := f.decide(t, sent, "")
			if got := x.Verdict.Factor == "tenant"; got != c.denied {
				t.Errorf("interface %q, request %q by %s: %+v", c.own, c.named, sent.To, x.Verdict)
			}
			f.replay = identity.NewReplay(meshtest.Noon.Add(-time.Minute), 16)
		}
	}
}

// TestTenantOfAnInterfaceThatIsGone names a tenant where nothing is known of the interface any more.
func TestTenantOfAnInterfaceThatIsGone(t *testing.T) {
	t.Parallel()
	x := &Exchange{}
	if v := (tenantStage{}).Judge(t.Context(), x); v.Decision != Allow {
		t.Errorf("no tenant: %+v", v)
	}
	x.Operation.Tenant = "acme"
	if v := (tenantStage{}).Judge(t.Context(), x); v.Decision != Deny || v.Reason != "tenant-undecided" {
		t.Errorf("a tenant: %+v", v)
	}
}

// allowing takes one callback address.
type allowing string

func (a allowing) Check(_ context.Context, url string) *callback.Refusal {
	if url == string(a) {
		return nil
	}
	return &callback.Refusal{Reason: "callback-host", Detail: "the host is not one that may be called back"}
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	const good, bad = "https://hooks.example/1", "http://169.254.169.254/"
	for name, body := range map[string]string{
		"create":      call("CreateTaskPushNotificationConfig", `{"taskId":"t","url":"URL","token":"secret"}`),
		"create-0.3":  call("tasks/pushNotificationConfig/set", `{"taskId":"t","pushNotificationConfig":{"url":"URL","token":"secret"}}`),
		"message":     call("SendMessage", `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]},"configuration":{"taskPushNotificationConfig":{"url":"URL"}}}`),
		"message-0.3": call("message/send", `{"message":{"kind":"message","messageId":"m","role":"user","parts":[{"kind":"text","text":"x"}]},"configuration":{"pushNotificationConfig":{"url":"URL"}}}`),
		"stream":      call("SendStreamingMessage", `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]},"configuration":{"taskPushNotificationConfig":{"url":"URL"}}}`),
	} {
		for url, denied := range map[string]bool{good: false, bad: true, "": false} {
			for _, calls := range []Callbacks{allowing(good), nil} {
				f := newFixture()
				f.calls = calls
				x := f.decide(t, meshtest.Call{From: "caller", To: "/agents/weather", Body: strings.Replace(body, "URL", url, 1)}, "")
				if got := x.Verdict.Factor == "callback"; got != (denied || calls == nil && url != "") {
					t.Errorf("%s to %q: %+v", name, url, x.Verdict)
				}
				if denial := string(x.Denial().Body); strings.Contains(denial, "169.254") || strings.Contains(denial, "secret") {
					t.Errorf("%s: the denial repeats the request: %s", name, denial)
				}
			}
		}
	}
	for address, want := range map[string][]string{
		"https://user:secret@10.0.0.1:8443/hook?token=secret": {`host "10.0.0.1:8443"`},
		"http://internal.example/":                            {`host "internal.example"`},
		"/hook":                                               nil,
		"http://[::1":                                         nil,
		"https://" + strings.Repeat("a", 300):                 nil,
	} {
		if diff := cmp.Diff(want, callbackHost(address)); diff != "" {
			t.Errorf("what the record shows of %s (-want +got)\n%s", address, diff)
		}
	}
	x := newFixture().decide(t, meshtest.Call{
		From: "caller", To: "/agents/weather/tasks/t/pushNotificationConfigs", Body: `{"url":"` + bad + `"}`,
		Header: http.Header{"Content-Type": {"application/json"}},
	}, "")
	if x.Verdict.Factor != "callback" {
		t.Errorf("HTTP+JSON: %+v", x.Verdict)
	}
}

// stamp marks the cards that pass it.
type stamp struct{ err error }

func (s stamp) Extended(x *Exchange, card []byte) ([]byte, error) {
	return append([]byte(`{"name":"`+string(x.Callee.Name)+`","was":`), append(bytes.Clone(card), '}')...), s.err
}

func (s stamp) ExtendedGRPC(_ *Exchange, message []byte) ([]byte, error) { return message, s.err }

func TestExtendedCards(t *testing.T) {
	t.Parallel()
	const head, card, tail = `{"jsonrpc":"2.0","id":"r1","result":`, `{"name":"w","supportedInterfaces":[]}`, `}`
	for name, c := range map[string]struct {
		cards   Cards
		passing Passing
		out     string
	}{
		"rewritten": {stamp{}, Pass, head + `{"name":"weather","was":` + card + `}` + tail},
		"no-card":   {stamp{errors.New("no card")}, Refuse, ""},
		"nobody":    {nil, Refuse, ""},
	} {
		f := newFixture()
		f.cards = c.cards
		out, passing, x := f.relay(t, answering{request: call("GetExtendedAgentCard", `{}`), header: "application/json", chunks: []string{head + card + tail}})
		if out != c.out || passing != c.passing {
			t.Errorf("%s: %d %q %+v", name, passing, out, x.Verdict)
		}
	}
}

// Of an extended card nothing is taken out: the mesh has signed all of it.
func TestExtendedCardsAreNotRedacted(t *testing.T) {
	t.Parallel()
	const head, tail = `{"jsonrpc":"2.0","id":"r1","result":{"name":"w","supportedInterfaces":[],"description":"`, `"}}`
	for said, reason := range map[string]string{"sunny": "", "log in with hunter2": "content-secret"} {
		f := redacting()
		f.cards = stamp{}
		out, passing, x := f.relay(t, answering{request: call("GetExtendedAgentCard", `{}`), header: "application/json", chunks: []string{head + said + tail}})
		if x.Verdict.Reason != reason || (passing == Pass) != (reason == "") || strings.Contains(out, "redacted") {
			t.Errorf("%s: %d %q %+v", said, passing, out, x.Verdict)
		}
	}
}

// TestCardsThatPassForSomethingElse answers for a card with what a client takes for one.
func TestCardsThatPassForSomethingElse(t *testing.T) {
	t.Parallel()
	const members = `"name":"w","supportedInterfaces":[{"url":"http://elsewhere.example/"}]`
	for name, c := range map[string]struct {
		path, body string
		status     int
		want       Passing
	}{
		"as-an-error":           {"/extendedAgentCard", `{"code":1,"message":"m",` + members + `}`, 200, Refuse},
		"beside-an-error":       {"/extendedAgentCard", `{"error":{},` + members + `}`, 200, Refuse},
		"in-a-list":             {"/extendedAgentCard", `[{` + members + `}]`, 200, Refuse},
		"in-a-batch":            {"", `[{"jsonrpc":"2.0","id":"r1","result":{` + members + `}}]`, 200, Refuse},
		"result-in-capitals":    {"", `{"jsonrpc":"2.0","id":"r1","Result":{` + members + `}}`, 200, Refuse},
		"no-envelope":           {"", `{` + members + `}`, 200, Refuse},
		"of-0.2":                {"/agent/authenticatedExtendedCard", `{"name":"w","url":"http://elsewhere.example/","skills":[]}`, 200, Refuse},
		"of-another-path":       {"/v1/extendedAgentCard", `{` + members + `}`, 200, Refuse},
		"well-known":            {"/~2/.well-known/agent-card.json", `{` + members + `}`, 200, Refuse},
		"an-error":              {"/extendedAgentCard", `{"error":{"code":404,"message":"no"}}`, 404, Pass},
		"an-error-in-an-answer": {"", `{"jsonrpc":"2.0","id":"r1","error":{"code":-32007,"message":"no"}}`, 200, Pass},
	} {
		f := newFixture()
		f.cards = stamp{errors.New("no card")}
		f.Records["weather"].Card.Interfaces = append(slices.Clone(f.Records["weather"].Card.Interfaces[1:]), f.Records["weather"].Card.Interfaces...)
		request := answering{path: c.path, status: c.status, header: "application/json", chunks: []string{c.body}}
		if c.path == "" {
			request.request = call("GetExtendedAgentCard", `{}`)
		}
		if out, passing, x := f.relay(t, request); passing != c.want || strings.Contains(out, "elsewhere") {
			t.Errorf("%s: %d %q %+v", name, passing, out, x.Verdict)
		}
	}
}

// TestOtherMethodsShowNoTasksOfOthers has an agent that answers to methods of another version of A2A.
func TestOtherMethodsShowNoTasksOfOthers(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]Passing{
		`{"id":"theirs","status":{"state":"working"}}`:                        Refuse,
		`{"id":"theirs","kind":"task"}`:                                       Refuse,
		`{"tasks":[{"id":"mine"},{"id":"theirs"}]}`:                           Refuse,
		`{"task":{"id":"theirs"}}`:                                            Refuse,
		`{"tasks":[{"id":"mine"},{"id":"old"}]}`:                              Pass,
		`{"id":"theirs","status":"an order of that number","message":"text"}`: Pass,
	} {
		f := newFixture()
		f.tasks = knowing()
		if _, passing, x := f.relay(t, answering{
			request: call("tasks/listAll", `{}`), header: "application/json", chunks: []string{`{"jsonrpc":"2.0","id":"r1","result":` + result + `}`},
		}); passing != want {
			t.Errorf("%s: %d %+v", result, passing, x.Verdict)
		}
	}
}

// TestEntranceThatIsGone resumes on a card that has fewer interfaces than when the headers were judged.
func TestEntranceThatIsGone(t *testing.T) {
	t.Parallel()
	if got := entranceAt(nil, 0); got != (agent.Entrance{}) {
		t.Errorf("nobody's entrance: %+v", got)
	}
	f := newFixture()
	if got := entranceAt(f.Records["weather"], 9); got != (agent.Entrance{}) {
		t.Errorf("an entrance that is not there: %+v", got)
	}
	if got := entranceAt(f.Records["weather"], 1); got.Interface.Binding != agent.HTTPJSON {
		t.Errorf("the second entrance: %+v", got)
	}
}

// TestUnownedTasksSayWhy tells the operator a task of nobody's from one of somebody else's, and the caller nothing.
func TestUnownedTasksSayWhy(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.tasks, f.policy.UnknownTasks = knowing(), DenyUnknownTasks
	x := f.decide(t, meshtest.Call{From: "caller", To: "/agents/weather", Body: call("GetTask", `{"id":"nobodys"}`)}, "")
	record := f.kept[len(f.kept)-1]
	if record.Reason != "task-not-found" || !slices.Contains(record.Evidence, "owner unknown (tasks.unknown)") {
		t.Errorf("record %+v", record)
	}
	if denial := x.Denial(); strings.Contains(string(denial.Body), "tasks.unknown") {
		t.Errorf("the caller is told %s", denial.Body)
	}
}

// TestUndecidedOwnersSayWhy keeps for the operator what the store said, and from the caller.
func TestUndecidedOwnersSayWhy(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.tasks = knowing()
	f.tasks.err = errors.New("reading the owner of a task: no answer from 10.0.0.7")
	x := f.decide(t, meshtest.Call{From: "caller", To: "/agents/weather", Body: call("GetTask", `{"id":"mine"}`)}, "")
	record := f.kept[len(f.kept)-1]
	if record.Reason != "owner-undecided" || !slices.Contains(record.Evidence, f.tasks.err.Error()) {
		t.Errorf("record %+v", record)
	}
	if denial := x.Denial(); strings.Contains(string(denial.Body), "10.0.0.7") {
		t.Errorf("the caller is told %s", denial.Body)
	}
}
