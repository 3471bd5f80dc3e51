package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func TestParseCardProblems(t *testing.T) {
	t.Parallel()
	const iface = `"supportedInterfaces":[{"url":"https://h/a","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]`
	tests := []struct {
		name, card string
		want       []string
	}{
		{"not-json", `nope`, []string{"card: is not valid JSON at byte 2"}},
		{"empty", ``, []string{"card: is empty; it must be JSON"}},
		{"array", `[]`, []string{"card: must be a JSON object"}},
		{"null", `null`, []string{"card: must be a JSON object"}},
		{"trailing", `{} {}`, []string{"card: has data after the JSON value"}},
		{"duplicate", `{"name":"a","skills":[{"id":"a","i\u0064":"b"}]}`, []string{"card.skills[0].id: appears more than once"}},
		{"too-large", `{"name":"` + strings.Repeat("a", agent.MaxCardBytes) + `"}`, []string{"card: must have at most 262144 bytes"}},
		{"nothing", `{}`, []string{
			"card.name: is required",
			"card.supportedInterfaces: is required: it says where the agent listens",
		}},
		{"blank-name", `{"name":" ",` + iface + `}`, []string{"card.name: is required"}},
		{"null-name", `{"name":null,` + iface + `}`, []string{"card.name: is required"}},
		{"all-at-once", `{"name":1,"description":[],"version":2,"capabilities":{"streaming":"yes"},"signatures":{},
			"skills":[{"id":""},{"id":"a"},{"id":"a","name":7,"tags":["x",1]},"b",{}],
			"supportedInterfaces":[{"protocolVersion":"one"},{"url":"ftp://h","protocolBinding":"JSONRPC"},4]}`, []string{
			"card.name: must be a string",
			"card.description: must be a string",
			"card.version: must be a string",
			"card.signatures: must be an array",
			"card.capabilities.streaming: must be true or false",
			"card.supportedInterfaces[0].protocolBinding: is required",
			"card.supportedInterfaces[0].protocolVersion: must be Major.Minor, such as 1.0",
			"card.supportedInterfaces[0].url: is required",
			"card.supportedInterfaces[1].url: must be an absolute http or https URL",
			"card.supportedInterfaces[2]: must be an object",
			"card.skills[0].id: is required",
			"card.skills[2].name: must be a string",
			"card.skills[2].tags[1]: must be a string",
			"card.skills[2].id: is the id of an earlier skill too",
			"card.skills[3]: must be an object",
			"card.skills[4].id: is required",
		}},
		{"wrong-case", `{"name":"a","Skills":[],"supportedInterfaces":[{"url":"https://h","protocolBinding":"JSONRPC","URL":"https://evil"}]}`, []string{
			"card.skills: is spelled differently here: A2A writes it skills",
			"card.supportedInterfaces[0].url: is spelled differently here: A2A writes it url",
		}},
		{"snake-case", `{"name":"a",` + iface + `,"supported_interfaces":[]}`, []string{
			"card.supportedInterfaces: is spelled differently here: A2A writes it supportedInterfaces",
		}},
		{"folded-letter", `{"name":"a",` + iface + `,"ſkills":[]}`, []string{"card.skills: is spelled differently here: A2A writes it skills"}},
		{"only-custom-bindings", `{"name":"a","supportedInterfaces":[{"url":"h:443","protocolBinding":"https://example.com/ws"}]}`, []string{
			"card.supportedInterfaces: must offer an interface that the mesh can route: JSONRPC, HTTP+JSON or GRPC",
		}},
		{"additional-without-url", `{"name":"a","additionalInterfaces":[{"url":"https://h","transport":"JSONRPC"}]}`, []string{
			"card.url: is required beside additionalInterfaces",
		}},
		{"additional-with-empty-url", `{"name":"a","url":"","additionalInterfaces":[{"url":"https://h","transport":"JSONRPC"}]}`, []string{
			"card.url: is required beside additionalInterfaces",
		}},
		{"additional-without-transport", `{"name":"a","url":"https://h","additionalInterfaces":[{"url":"https://h"}]}`, []string{
			"card.additionalInterfaces[0].transport: is required",
		}},
		{"bad-main-url", `{"name":"a","url":"h:1"}`, []string{"card.url: must be an absolute http or https URL"}},
		{"too-many-interfaces", `{"name":"a","supportedInterfaces":[` + many(33) + `]}`, []string{
			"card.supportedInterfaces: must list at most 32 interfaces",
		}},
		{"grpc-without-port", `{"name":"a","url":"https://h","additionalInterfaces":[{"url":"host","transport":"GRPC"}]}`, []string{
			"card.additionalInterfaces[0].url: must be host:port or an absolute URL",
		}},
		{"good", `{"name":"a",` + iface + `,"x-Skills":1}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := agent.ParseCard([]byte(test.card))
			var got []string
			for _, field := range agent.FieldErrors(err) {
				got = append(got, field.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func many(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"url":"https://h/%d","protocolBinding":"JSONRPC"}`, i))
	}
	return strings.Join(list, ",")
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	good := []string{
		"http://h", "https://h/", "https://H.example.com:8443/a/b/", "http://127.0.0.1:1/x", "http://[::1]:8080", "https://h/a%20b",
		"https://h/a:b/(c)", "http://a_b.c", "http://http/http", "https://h./x", "HTTP://h",
	}
	bad := []string{
		"", "h", "//h", "/a", "http:", "http://", "http:///a", "http:h", "ftp://h", "http://u@h", "http://u:p@h", "http://h?", "http://h?a=b",
		"http://h#", "http://h/#a", "http://h/../a", "http://h/a/.", "http://h/%2e%2e/a", "http://h/a%2fb", "http://h/a%5Cb", `http://h\a`,
		"http://h/a b", "http://h:", "http://h:0", "http://h:99999", "http://h:x", "http://127.1", "http://0x7f000001", "http://2130706433",
		"http://a..b", "http://[fe80::1%25eth0]/", "http://h\n", "http://exa%6dple.com", "http://é.com", " http://h",
	}
	for _, s := range good {
		if err := agent.CheckURL(s); err != nil {
			t.Errorf("CheckURL(%q) = %v, want it accepted", s, err)
		}
	}
	for _, s := range bad {
		if agent.CheckURL(s) == nil {
			t.Errorf("CheckURL(%q) accepted", s)
		}
	}
}

func TestCardVersions(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, card, want string }{
		{"1.0-absent", `{"name":"a","supportedInterfaces":[{"url":"http://h","protocolBinding":"JSONRPC"}]}`, "1.0"},
		{"1.0-patch", `{"name":"a","supportedInterfaces":[{"url":"http://h","protocolBinding":"JSONRPC","protocolVersion":"1.0.1"}]}`, "1.0"},
		{"1.0-lists-0.3", `{"name":"a","supportedInterfaces":[{"url":"http://h","protocolBinding":"JSONRPC","protocolVersion":"0.3"}]}`, "0.3"},
		{"0.3-absent", `{"name":"a","url":"http://h"}`, "0.3"},
		{"0.3-patch", `{"name":"a","url":"http://h","protocolVersion":"0.3.0"}`, "0.3"},
		{"older", `{"name":"a","url":"http://h","protocolVersion":"0.2.6"}`, "0.2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			card, err := agent.ParseCard([]byte(test.card))
			if err != nil {
				t.Fatal(err)
			}
			if got := card.Interfaces[0].Version; got != test.want {
				t.Errorf("version %q, want %q", got, test.want)
			}
		})
	}
}

func TestServedRefusesABadBase(t *testing.T) {
	t.Parallel()
	card, err := agent.ParseCard([]byte(`{"name":"a","url":"http://h"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []agent.Base{{}, {URL: "/agents/a"}, {URL: "http://m", GRPC: "m"}, {URL: "http://m", GRPC: "http://m:1"}} {
		if _, err := card.Served(base); err == nil {
			t.Errorf("accepted %+v", base)
		}
	}
	if _, err := (agent.Card{}).Served(agent.Base{URL: "http://m"}); err == nil {
		t.Error("a card without a document was served")
	}
}

func TestRecordKeepsTheCardByteForByte(t *testing.T) {
	t.Parallel()
	raw := "{ \"name\" : \"<a> & \\u00e9\u2028\" ,\n\t\"url\":\"http://h\", \"x\":1.0 }"
	waiting := strings.Replace(raw, "http://h", "http://i", 1)
	changed, err := agent.ParseCard([]byte(waiting))
	if err != nil {
		t.Fatal(err)
	}
	card, err := agent.ParseCard([]byte("\n" + raw + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	ceiling, _ := agent.RingFromNumber(1)
	record := &agent.Record{
		Name: "a", Owner: "o", Capabilities: []agent.Capability{"call:*"}, Ceiling: ceiling, Base: 250, Status: agent.Active,
		Effect: agent.EffectRead, SkillEffects: map[string]agent.Effect{"s": agent.EffectAdmin}, Card: card,
		CardKeys:     []json.RawMessage{json.RawMessage(`"did:key:z"`)},
		Verification: agent.CardVerification{Status: agent.CardInvalid, Reason: "r"},
		CardUpdate:   &agent.CardUpdate{Changes: []agent.CardChange{agent.OtherChange}},
		Pending:      &agent.PendingCard{Digest: "d", Changes: []agent.CardChange{agent.KeysChange}, Card: changed},
		Rejected:     "e",
	}
	encoded, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(encoded) || !strings.Contains(string(encoded), raw) || !strings.Contains(string(encoded), waiting) {
		t.Fatalf("the card changed in %s", encoded)
	}
	got, err := agent.DecodeRecord(encoded, 9)
	if err != nil {
		t.Fatal(err)
	}
	record.Revision = 9
	if diff := cmp.Diff(record, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	through, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.DecodeRecord(through, 1); err != nil {
		t.Errorf("a record through encoding/json does not load: %v", err)
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	t.Parallel()
	const card = `"card":{"name":"a","url":"http://h"}`
	tests := []struct{ name, record string }{
		{"garbage", `x`},
		{"no-name", `{"status":"active",` + card + `}`},
		{"no-status", `{"name":"a",` + card + `}`},
		{"no-card", `{"name":"a","status":"active"}`},
		{"null-card", `{"name":"a","status":"active","card":null}`},
		{"bad-card", `{"name":"a","status":"active","card":{"name":"a"}}`},
		{"unknown-status", `{"name":"a","status":"retired",` + card + `}`},
		{"trust-too-high", `{"name":"a","status":"active","baseTrust":1001,` + card + `}`},
		{"bad-did", `{"name":"a","status":"active","dids":["did:key:z"],` + card + `}`},
		{"bad-capability", `{"name":"a","status":"active","capabilities":["x"],` + card + `}`},
		{"bad-ring", `{"name":"a","status":"active","ringCeiling":4,` + card + `}`},
		{"pending-without-card", `{"name":"a","status":"active","pendingCard":{"digest":"d"},` + card + `}`},
		{"pending-without-digest", `{"name":"a","status":"active","pendingCard":{` + card + `},` + card + `}`},
		{"pending-with-bad-card", `{"name":"a","status":"active","pendingCard":{"digest":"d","card":{}},` + card + `}`},
		{"bad-effect", `{"name":"a","status":"active","effect":"root",` + card + `}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := agent.DecodeRecord([]byte(test.record), 1); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestServedExtended holds that an extended card leads only where the routes of the registered one do.
func TestServedExtended(t *testing.T) {
	t.Parallel()
	card, err := agent.ParseCard([]byte(`{"name":"a","supportedInterfaces":[
		{"url":"http://h/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0"},
		{"url":"http://h/two","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	base := agent.Base{URL: "https://m/agents/a"}
	got, err := card.ServedExtended([]byte(`{"name":"a+","supportedInterfaces":[
		{"url":"http://secret/rpc","protocolBinding":"JSONRPC","protocolVersion":"0.3"},
		{"url":"http://h/two","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],"signatures":[{}],"skills":[{"id":"s"}]}`), base)
	const want = `{"name":"a+","supportedInterfaces":[{"url":"https://m/agents/a/~1","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],"skills":[{"id":"s"}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for _, bad := range []string{
		`nope`, `{}`, `{"name":"a","name":"b","url":"http://h/rpc"}`, `{"name":"a","url":"http://secret/rpc"}`,
		`{"name":"a","supportedInterfaces":[{"url":"http://h/rpc","URL":"http://evil","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`,
	} {
		if got, err := card.ServedExtended([]byte(bad), base); err == nil {
			t.Errorf("%s is served as %s", bad, got)
		}
	}
}

// TestServedWithoutGRPC holds that a card offers gRPC only where gRPC clients can go.
func TestServedWithoutGRPC(t *testing.T) {
	t.Parallel()
	card, err := agent.ParseCard([]byte(`{"name":"a","supportedInterfaces":[{"url":"h:1","protocolBinding":"GRPC"},{"url":"http://h/","protocolBinding":"JSONRPC"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"a","supportedInterfaces":[{"url":"http://m/agents/a","protocolBinding":"JSONRPC"}]}`
	got, err := card.Served(agent.Base{URL: "http://m/agents/a"})
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestHostBase(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scheme, host string
		want         agent.Base
	}{
		{"https", "Weather.mesh.test", agent.Base{URL: "https://weather.mesh.test", GRPC: "weather.mesh.test:443"}},
		{"http", "weather.mesh.test", agent.Base{URL: "http://weather.mesh.test", GRPC: "weather.mesh.test:80"}},
		{"http", "127.0.0.1:10000", agent.Base{URL: "http://127.0.0.1:10000", GRPC: "127.0.0.1:10000"}},
		{"http", "[::1]:1", agent.Base{URL: "http://[::1]:1", GRPC: "[::1]:1"}},
	}
	for _, test := range tests {
		if got, err := agent.HostBase(test.scheme, test.host); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.host, got, err)
		}
	}
	for _, bad := range []string{"", "a/b", "a?b", "u@a", "a b", "a:0", "a:", "/", "a#b", "[::1"} {
		if got, err := agent.HostBase("http", bad); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
	if got, err := agent.HostBase("ftp", "a"); err == nil {
		t.Errorf("ftp gives %+v", got)
	}
}

func TestLeadsTo(t *testing.T) {
	t.Parallel()
	base := agent.Base{URL: "https://a.mesh.test", GRPC: "a.mesh.test:443"}
	tests := []struct {
		name, interfaces string
		want             bool
	}{
		{"there", `{"url":"https://a.mesh.test","protocolBinding":"JSONRPC"}`, true},
		{"there-spelled-differently", `{"url":"https://A.mesh.test:443/","protocolBinding":"JSONRPC"}`, true},
		{"all-bindings", `{"url":"https://a.mesh.test","protocolBinding":"JSONRPC"},{"url":"https://a.mesh.test/","protocolBinding":"HTTP+JSON"},{"url":"a.mesh.test:443","protocolBinding":"GRPC"}`, true},
		{"grpc-with-scheme", `{"url":"https://a.mesh.test","protocolBinding":"GRPC"}`, true},
		{"other-host", `{"url":"https://b.mesh.test","protocolBinding":"JSONRPC"}`, false},
		{"other-port", `{"url":"https://a.mesh.test:1","protocolBinding":"JSONRPC"}`, false},
		{"other-scheme", `{"url":"http://a.mesh.test","protocolBinding":"JSONRPC"}`, false},
		{"other-path", `{"url":"https://a.mesh.test/rpc","protocolBinding":"JSONRPC"}`, false},
		{"one-leads-away", `{"url":"https://a.mesh.test","protocolBinding":"JSONRPC"},{"url":"https://b.mesh.test","protocolBinding":"JSONRPC"}`, false},
		{"second-at-its-entrance", `{"url":"https://a.mesh.test","protocolBinding":"JSONRPC"},{"url":"https://a.mesh.test/~1","protocolBinding":"JSONRPC"}`, true},
		{"unrouted", `{"url":"https://a.mesh.test","protocolBinding":"JSONRPC"},{"url":"https://a.mesh.test","protocolBinding":"urn:x"}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			card, err := agent.ParseCard([]byte(`{"name":"a","supportedInterfaces":[` + test.interfaces + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := card.LeadsTo(base); got != test.want {
				t.Errorf("got %v", got)
			}
			if card.LeadsTo(agent.Base{}) || (agent.Card{}).LeadsTo(base) {
				t.Error("a zero value leads somewhere")
			}
		})
	}
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	a, b := agent.FieldError{Path: "a", Problem: "p"}, agent.FieldError{Path: "b", Problem: "q"}
	err := fmt.Errorf("outer: %w", a)
	got := agent.FieldErrors(errors.Join(err, errors.New("other"), errors.Join(b)))
	if diff := cmp.Diff([]agent.FieldError{a, b}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if agent.FieldErrors(nil) != nil {
		t.Error("nil has problems")
	}
}
