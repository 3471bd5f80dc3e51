package agent_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func mixedCard() agent.Card {
	return agent.Card{Interfaces: []agent.Interface{
		{URL: "h:1", Binding: agent.GRPC, Version: "2.0"},
		{URL: "http://h/json", Binding: agent.HTTPJSON},
		{URL: "http://h/rpc", Binding: agent.JSONRPC},
		{URL: "http://h/rpc2", Binding: agent.JSONRPC},
		{URL: "ws://h", Binding: "https://example.com/ws"},
		{URL: "http://h/json2", Binding: agent.HTTPJSON},
		{URL: "https://h", Binding: agent.GRPC, Version: "0.3"},
		{URL: "http://h:3", Binding: agent.GRPC, Version: "1.0"},
		{URL: "h:4", Binding: agent.GRPC, Version: "1.0"},
	}}
}

func TestEntrances(t *testing.T) {
	t.Parallel()
	card := mixedCard()
	var got []string
	for _, entrance := range card.Entrances() {
		if entrance.Interface != card.Interfaces[entrance.Index] {
			t.Errorf("entrance %+v is not interface %d", entrance, entrance.Index)
		}
		got = append(got, entrance.Interface.URL+" "+entrance.Suffix+strings.Join(entrance.Services.Paths(), " "))
	}
	want := []string{
		"http://h/json ", "http://h/rpc ", "http://h/rpc2 /~3", "http://h/json2 /~5",
		"https://h /a2a.v1.A2AService/", "http://h:3 /lf.a2a.v1.A2AService/",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (&agent.Card{}).Entrances(); len(got) != 0 {
		t.Errorf("an empty card has entrances: %v", got)
	}
}

func TestEnter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path  string
		index int // -1: none
		rest  string
	}{
		{"", 2, ""},
		{"/", 2, ""},
		{"/message:send", 1, "/message:send"},
		{"/v1/message:send", 1, "/v1/message:send"},
		{"/tasks/~3", 1, "/tasks/~3"},
		{"//", 1, "//"},
		{"/~3", 3, ""},
		{"/~3/", 3, ""},
		{"/~3/message:send", -1, ""},
		{"/~5/message:send", 5, "/message:send"},
		{"/~5/tasks/1:cancel", 5, "/tasks/1:cancel"},
		{"/~5", -1, ""},
		{"/~5/", -1, ""},
		{"/~0", -1, ""},
		{"/~1/message:send", -1, ""},
		{"/~2", -1, ""},
		{"/~4", -1, ""},
		{"/~6", -1, ""},
		{"/~03", -1, ""},
		{"/~+3", -1, ""},
		{"/~-3", -1, ""},
		{"/~3x", -1, ""},
		{"/~", -1, ""},
		{"/~/x", -1, ""},
		{"/~99999999999999999999", -1, ""},
		{"message:send", -1, ""},
		{"/lf.a2a.v1.A2AService/GetTask", 7, "/lf.a2a.v1.A2AService/GetTask"},
		{"/a2a.v1.A2AService/GetTask", 6, "/a2a.v1.A2AService/GetTask"},
		{"/lf.a2a.v1.A2AService/", -1, ""},
		{"/lf.a2a.v1.A2AService//", -1, ""},
		{"/lf.a2a.v1.A2AService/GetTask/", -1, ""},
		{"/lf.a2a.v1.A2AService/GetTask/x", -1, ""},
		{"/lf.a2a.v1.A2AService", 1, "/lf.a2a.v1.A2AService"},
		{"/LF.a2a.v1.A2AService/GetTask", 1, "/LF.a2a.v1.A2AService/GetTask"},
		{"/~5/lf.a2a.v1.A2AService/GetTask", -1, ""},
		{"/~5/a2a.v1.A2AService/GetTask", -1, ""},
		{"/~8/lf.a2a.v1.A2AService/GetTask", -1, ""},
		{"/~7", -1, ""},
		{"/~8/message:send", -1, ""},
	}
	card := mixedCard()
	for _, test := range tests {
		entrance, rest, ok := card.Enter(test.path)
		if !ok {
			entrance.Index = -1
		}
		if entrance.Index != test.index || rest != test.rest {
			t.Errorf("Enter(%q) = %d, %q, %v; want %d, %q", test.path, entrance.Index, rest, ok, test.index, test.rest)
		}
	}
	rest := agent.Card{Interfaces: []agent.Interface{{Binding: agent.HTTPJSON}}}
	for _, path := range []string{"", "/lf.a2a.v1.A2AService/GetTask", "/a2a.v1.A2AService/GetTask"} {
		if _, _, ok := (&agent.Card{}).Enter(path); ok {
			t.Errorf("an empty card was entered at %q", path)
		}
		if _, _, ok := rest.Enter(path); ok {
			t.Errorf("a card of HTTP+JSON alone was entered at %q", path)
		}
	}
}

// TestEnterAgreesWithEntrances draws cards and holds Enter to the definition: the entrance whose suffix the path
// begins with, told apart by whether something follows, and for calls of gRPC the entrance of their service.
func TestEnterAgreesWithEntrances(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	bindings := []agent.Binding{agent.JSONRPC, agent.HTTPJSON, agent.GRPC, "other"}
	versions := []string{"0.3", "1.0", "1.1", "2.0", ""}
	suffixes := []string{"", "", "/~0", "/~1", "/~2", "/~3", "/~4", "/~9"}
	rests := []string{"", "/", "/message:send", "/tasks/1", "/lf.a2a.v1.A2AService/GetTask", "/a2a.v1.A2AService/GetTask"}
	for range 5000 {
		var card agent.Card
		for range random.IntN(6) {
			card.Interfaces = append(card.Interfaces, agent.Interface{
				Binding: bindings[random.IntN(len(bindings))], Version: versions[random.IntN(len(versions))],
			})
		}
		suffix, rest := suffixes[random.IntN(len(suffixes))], rests[random.IntN(len(rests))]
		var want *agent.Entrance
		for _, entrance := range card.Entrances() {
			if entrance.Interface.Binding == bindingOf(rest) && entrance.Suffix == suffix && entrance.Services&agent.ServiceOf(rest) == agent.ServiceOf(rest) {
				want = &entrance
				break
			}
		}
		got, gotRest, ok := card.Enter(suffix + rest)
		if ok != (want != nil) || ok && (got != *want || gotRest != strings.TrimSuffix(rest, "/")) {
			t.Fatalf("%v: Enter(%q) = %+v, %q, %v; want %+v", card.Interfaces, suffix+rest, got, gotRest, ok, want)
		}
	}
}

// bindingOf is the binding that has a path below its entrance.
func bindingOf(rest string) agent.Binding {
	switch {
	case strings.Contains(rest, "A2AService/"):
		return agent.GRPC
	case rest == "" || rest == "/":
		return agent.JSONRPC
	default:
		return agent.HTTPJSON
	}
}

// TestEveryServiceLeadsSomewhere holds that an agent with a gRPC interface has each service at exactly one.
func TestEveryServiceLeadsSomewhere(t *testing.T) {
	t.Parallel()
	for _, versions := range [][]string{{"1.0"}, {"0.3"}, {"2.0"}, {"0.3", "1.0"}, {"1.0", "1.0"}, {"1.1", "0.3", "1.0"}} {
		var card agent.Card
		for _, version := range versions {
			card.Interfaces = append(card.Interfaces, agent.Interface{Binding: agent.GRPC, Version: version})
		}
		var all agent.Services
		for _, entrance := range card.Entrances() {
			if entrance.Services&all != 0 {
				t.Errorf("%v: a service has two entrances", versions)
			}
			all |= entrance.Services
		}
		if all != agent.CurrentService|agent.LegacyService {
			t.Errorf("%v: entrances for %v only", versions, all.Paths())
		}
	}
}

func TestEnterAllocatesNothing(t *testing.T) {
	card := mixedCard()
	for _, path := range []string{"/~5/message:send", "/a2a.v1.A2AService/GetTask"} {
		if n := testing.AllocsPerRun(100, func() { card.Enter(path) }); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

// FuzzEnter holds that what follows an entrance ends the path, and that gRPC has the paths of its services and no others.
func FuzzEnter(f *testing.F) {
	for _, seed := range []string{"", "/", "/~3/", "/~5/tasks/1:cancel", "/lf.a2a.v1.A2AService/GetTask", "/~5/a2a.v1.A2AService/GetTask"} {
		f.Add(seed)
	}
	card := mixedCard()
	f.Fuzz(func(t *testing.T, path string) {
		entrance, rest, ok := card.Enter(path)
		if !ok {
			return
		}
		if entrance.Suffix+rest != path && entrance.Suffix+rest+"/" != path {
			t.Errorf("%q is entered at %q with %q", path, entrance.Suffix, rest)
		}
		if (agent.ServiceOf(rest) != 0) != (entrance.Interface.Binding == agent.GRPC) {
			t.Errorf("%q leads to %s", path, entrance.Interface.Binding)
		}
	})
}

func TestSplitMeshPath(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, name, below string
		ok                bool
	}{
		{"/agents/a", "a", "", true},
		{"/agents/a/", "a", "/", true},
		{"/agents/a/~1/x", "a", "/~1/x", true},
		{"/agents/a//x", "a", "//x", true},
		{"/agents/", "", "", false},
		{"/agents", "", "", false},
		{"/agents//x", "", "", false},
		{"/agents/A", "", "", false},
		{"/agents/a%2fb", "", "", false},
		{"/agents/../b", "", "", false},
		{"/Agents/a", "", "", false},
		{"agents/a", "", "", false},
		{"//agents/a", "", "", false},
		{"", "", "", false},
	}
	for _, test := range tests {
		name, below, ok := agent.SplitMeshPath(test.path)
		if ok != test.ok || ok && (string(name) != test.name || below != test.below) {
			t.Errorf("SplitMeshPath(%q) = %q, %q, %v", test.path, name, below, ok)
		}
	}
}

// FuzzSplitMeshPath holds that a path which splits is made of its parts, and that its name is a valid ID.
func FuzzSplitMeshPath(f *testing.F) {
	f.Add("/agents/a/b")
	f.Fuzz(func(t *testing.T, path string) {
		name, below, ok := agent.SplitMeshPath(path)
		if !ok {
			return
		}
		if _, err := agent.ParseID(string(name)); err != nil || agent.MeshPrefix+string(name)+below != path {
			t.Errorf("%q split into %q and %q", path, name, below)
		}
	})
}
