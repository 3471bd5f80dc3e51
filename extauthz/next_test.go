package extauthz_test

import (
	"maps"
	"net/http"
	"strconv"
	"testing"

	"ringfence.dev/ringfence/extauthz"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/meshtest/governed"
)

// TestNext holds what Envoy is told of how calls go on, and that it is told to skip nothing whose body it cut short.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, coding := range codings {
		t.Run(string(coding), func(t *testing.T) {
			t.Parallel()
			testNext(t, coding)
		})
	}
}

func testNext(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	told := map[string]string{
		extauthz.BodyExtension: extauthz.IncludedBody, extauthz.CallsExtension: extauthz.CallsTold, extauthz.FormExtension: extauthz.PathForm,
		extauthz.BelowExtension: "1000",
	}
	but := func(below string) map[string]string {
		other := maps.Clone(told)
		other[extauthz.BelowExtension] = below
		return other
	}
	send := func(partial ...string) meshtest.Call {
		return meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay"), Header: http.Header{"X-Envoy-Auth-Partial-Body": partial}}
	}
	for _, c := range []struct {
		name       string
		call       meshtest.Call
		extensions map[string]string
		judged     bool // answers are
		want       string
		final      bool
		waits      int
	}{
		{name: "answer-judged", call: send("false"), extensions: told, judged: true, want: "answer", final: true, waits: 1},
		{name: "answer-unread", call: send("false"), extensions: told, want: "pass", final: true, waits: 1},
		{name: "stream", call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Invoke("SendStreamingMessage", "pay"), Header: http.Header{"X-Envoy-Auth-Partial-Body": {"false"}}}, extensions: told, want: "answer", final: true, waits: 1},
		{name: "card", call: meshtest.Call{Method: "GET", To: "/agents/ledger/.well-known/agent-card.json", Header: http.Header{"X-Envoy-Auth-Partial-Body": {"false"}}}, extensions: told, judged: true, want: "pass", final: true},
		{name: "body-cut-short", call: send("true"), extensions: told},
		{name: "body-as-long-as-envoy-sends", call: send("false"), extensions: but(strconv.Itoa(len(meshtest.Send("pay"))))},
		{name: "body-one-shorter", call: send("false"), extensions: but(strconv.Itoa(len(meshtest.Send("pay")) + 1)), want: "pass", final: true, waits: 1},
		{name: "read", call: meshtest.Call{From: "caller", Method: "GET", To: "/agents/ledger/tasks/t1", Header: http.Header{"X-Envoy-Auth-Partial-Body": {"false"}}}, extensions: told},
		{name: "bound-is-no-number", call: send("false"), extensions: but("many")},
		{name: "bound-is-not-said", call: send("false"), extensions: but("")},
		{name: "nobody-says-that-it-is-whole", call: send(), extensions: told},
		{name: "client-says-so-too", call: send("false", "true"), extensions: told},
		{name: "client-says-the-same", call: send("false", "false"), extensions: told},
		{name: "no-body", call: send("false"), extensions: map[string]string{extauthz.CallsExtension: extauthz.CallsTold, extauthz.FormExtension: extauthz.PathForm}},
		{name: "nothing-follows", call: send("true"), extensions: map[string]string{extauthz.BodyExtension: extauthz.IncludedBody, extauthz.FormExtension: extauthz.PathForm}, want: "pass", final: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			governor, _ := governed.GovernorWith(m, func(config *governance.Config) {
				if !c.judged {
					config.Policy.AnswerContent = governance.ContentOff
				}
			})
			got, err := serve(t, governor, coding).Check(t.Context(), check(t, m, c.call, true, c.extensions))
			if err != nil || got.GetOkResponse() == nil {
				t.Fatal(got, err)
			}
			if c.want == "" {
				c.waits = 1 // for its body
			}
			fields := got.GetDynamicMetadata().GetFields()
			passage, err := governance.ParsePassage(fields["ringfence"].GetStringValue())
			if next := fields["next"].GetStringValue(); err != nil || next != c.want || passage.Final != c.final || governor.Awaited() != c.waits {
				t.Errorf("Envoy is told %q, %d calls wait, the passage says %+v, %v", next, governor.Awaited(), passage, err)
			}
			if _, said := fields["next"]; said != (c.want != "") {
				t.Error("an empty word is said")
			}
		})
	}
}
