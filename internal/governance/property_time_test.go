package governance

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/registry"
)

// courses are the three ways in which a call is judged at a later moment: begun then, its body arriving then, and under
// way still.
func courses(g *Governor, x *trial) map[string]func() Verdict {
	passage := g.Open(context.Background(), x.request).Passage()
	under := g.Resume(passage, x.request)
	g.Close(context.Background(), under, x.body)
	return map[string]func() Verdict{
		"begun": func() Verdict {
			e := g.Open(context.Background(), x.request)
			if !e.Final {
				e = g.Resume(e.Passage(), x.request)
				g.Close(context.Background(), e, x.body)
			}
			return e.Verdict
		},
		"arriving": func() Verdict {
			e := g.Resume(passage, x.request)
			g.Close(context.Background(), e, x.body)
			return e.Verdict
		},
		"under-way": func() Verdict { return g.Review(context.Background(), under) },
	}
}

// lasting returns a request of caller that depends on three things with an end, each in seconds after noon: a link of its
// delegation, the key of who made it, and a gate; 0 leaves one out.
func lasting(t *testing.T, link1, link2, key, opening int) *trial {
	t.Helper()
	f := newFixture()
	f.replay = unspent{}
	f.policy.RingLimits[agent.User].PerSecond, f.policy.RingLimits[agent.User].Concurrent = 1000, 1000
	f.policy.RingLimits[agent.User].Time = time.Hour
	f.Add("boss", agent.Supervisor)
	f.Add("clerk", agent.Supervisor)
	header := http.Header{}
	if link1 > 0 {
		header = chainOf(t,
			link{from: "boss", to: "clerk", depth: 1, lifetime: time.Duration(link1) * time.Second},
			link{from: "clerk", to: "caller", lifetime: time.Duration(min(link1, link2)) * time.Second})
	}
	if key > 0 {
		f.Records["boss"].Retiring = map[string]time.Time{f.Records["boss"].DIDs[0]: meshtest.Noon.Add(time.Duration(key) * time.Second)}
	}
	if opening > 0 {
		f.gates = gateOf(t, f, gate.Declaration{
			ID: "for-a-while", Operations: []string{"SendMessage"}, Ring: agent.User, Until: meshtest.Noon.Add(time.Duration(opening) * time.Second),
		})
		header.Set("Agent-Gate", "for-a-while")
	}
	return f.signed(t, &draft{call: meshtest.Call{From: "caller", To: "/agents/ledger", Header: header}, raw: meshtest.Send("pay")})
}

// TestExpiredNeverCountsAgain walks time forward second by second over the ends of links, keys, gates and signatures (P12):
// from its end on, what has expired lets nothing through, however the call is judged, and at every moment after.
func TestExpiredNeverCountsAgain(t *testing.T) {
	t.Parallel()
	const never, signature = 1 << 20, 61 // expires itself is within
	for name, c := range map[string]struct{ link1, link2, key, opening, end int }{
		"signature-alone": {0, 0, 0, 0, never},
		"root-link":       {7, 7, 0, 0, 7},
		"last-link":       {300, 11, 0, 0, 11},
		"issuer's-key":    {300, 300, 13, 0, 13},
		"gate":            {0, 0, 0, 17, 17},
		"link-and-gate":   {19, 300, 0, 23, 19},
		"gate-and-link":   {31, 300, 0, 29, 29},
		"key-and-link":    {37, 300, 5, 0, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := lasting(t, c.link1, c.link2, c.key, c.opening)
			for course, judge := range courses(x.governor(), x) {
				end := c.end
				if course == "begun" {
					end = min(end, signature)
				}
				for second := range 90 {
					x.now = meshtest.Noon.Add(time.Duration(second) * time.Second)
					if v := judge(); (v.Decision == Allow) != (second < end) {
						t.Fatalf("%s %d s after noon, with an end at %d s: %+v", course, second, end, v)
					}
				}
				x.now = meshtest.Noon
			}
		})
	}
}

// TestRevokedNeverCountsAgain revokes a key or an agent (P12), and then has its owner do all it can: list the key again,
// register another agent with it, or the agent with another key. What was made with the revoked key, or in the revoked name,
// lets nothing through any more.
func TestRevokedNeverCountsAgain(t *testing.T) {
	t.Parallel()
	revivals := map[string]func(f *fixture, name agent.ID){
		"as-before": func(*fixture, agent.ID) {},
		"active-again": func(f *fixture, name agent.ID) {
			record := *f.Records[name]
			record.Status, record.Registered, record.Created = agent.Active, meshtest.Noon.Add(time.Minute), meshtest.Noon.Add(time.Minute)
			f.Records[name] = &record
		},
		"another-agent-of-the-key": func(f *fixture, name agent.ID) {
			record := *f.Add("heir", agent.Kernel)
			record.DIDs = f.Records[name].DIDs
			f.Records["heir"] = &record
			delete(f.Records, name)
		},
		"as-a-sidecar": func(f *fixture, name agent.ID) {
			record := *f.Add("heir", agent.Kernel)
			record.Sidecars = f.Records[name].DIDs[:1]
			f.Records["heir"] = &record
			delete(f.Records, name)
		},
		"retiring": func(f *fixture, name agent.ID) {
			record := *f.Records[name]
			record.Retiring = map[string]time.Time{record.DIDs[0]: meshtest.Noon.Add(time.Hour)}
			f.Records[name] = &record
		},
	}
	for _, revoked := range []agent.ID{"caller", "boss", "clerk"} {
		key := registry.Revocation{Of: meshtest.Public(meshtest.Private(revoked)).Fragment(), Agent: revoked, Role: agent.AgentKey, At: meshtest.Noon}
		for of, revocation := range map[string][]registry.Revocation{
			"key": {key}, "agent": {key, {Of: string(revoked), Agent: revoked, At: meshtest.Noon}}, // with an agent go its keys
		} {
			for name, revive := range revivals {
				x := lasting(t, 300, 300, 0, 0)
				var revocations []registry.Revocation
				config := x.governor().config
				config.Mesh = func() Mesh {
					mesh := x.mesh()
					mesh.Agents = registry.NewSnapshot(8, slices.Collect(maps.Values(x.Records)), revocations...)
					return mesh
				}
				ways := courses(New(config), x)
				for course, judge := range ways {
					if v := judge(); v.Decision != Allow {
						t.Fatalf("before the %s of %s was revoked, %s: %+v", of, revoked, course, v)
					}
				}
				revocations = revocation
				revive(x.fixture, revoked)
				for second := range 5 {
					x.now = meshtest.Noon.Add(time.Duration(second) * 10 * time.Second)
					for course, judge := range ways {
						if v := judge(); v.Decision != Deny {
							t.Errorf("the %s of %s revoked, %s, %s %s later: %+v", of, revoked, name, course, x.now.Sub(meshtest.Noon), v)
						}
					}
				}
			}
		}
	}
}

// TestSameInputsSameRecord decides the same request in the same mesh at the moment that its record names, in governors that
// have decided nothing else (P15): the records are the same bytes.
func TestSameInputsSameRecord(t *testing.T) {
	t.Parallel()
	replayed := map[string]bool{}
	for _, fault := range append(slices.Concat(factors(), establishing), "", "delegated", "served") {
		x := recordedTrial(t, fault)
		record := x.recorded(t)
		var told audit.Record
		if err := json.Unmarshal(record, &told); err != nil {
			t.Fatal(err)
		}
		if told.Revision != x.Snapshot().Revision() {
			t.Fatalf("%s: the record names revision %d", fault, told.Revision)
		}
		x.now = told.Time
		for range 3 {
			if again := x.recorded(t); string(again) != string(record) {
				t.Fatalf("%s (-first +again)\n%s", fault, cmp.Diff(string(record), string(again)))
			}
		}
		replayed[told.Decision+" "+told.Factor] = true
	}
	if len(replayed) < len(factors())+len(establishing)+1 {
		t.Errorf("only %d decisions were replayed: %v", len(replayed), replayed)
	}
}

func recordedTrial(t *testing.T, fault string) *trial {
	switch fault {
	case "":
		return newTrial(t)
	case "delegated":
		return lasting(t, 300, 300, 0, 0)
	case "served":
		x := newTrial(t)
		x.fixture.Add("boss", agent.User)
		x.fixture.lineage = serving(lineage.Served{Holders: []agent.ID{"boss"}, Authority: x.own("boss")})
		return x
	default:
		return newTrial(t, fault)
	}
}

// recorded has a new governor decide the request and returns the one record that it leaves.
func (x *trial) recorded(t *testing.T) []byte {
	t.Helper()
	var lines []string
	config := x.governor().config
	config.Record = func(r audit.Record) {
		line, err := json.Marshal(r)
		if err != nil {
			t.Error(err)
		}
		lines = append(lines, string(line))
	}
	if _, used := config.Replay.(spent); !used {
		config.Replay = unspent{}
	}
	config.Links = delegation.NewVerifier(8)
	x.by(New(config))
	if len(lines) != 1 {
		t.Fatalf("%d records: %s", len(lines), strings.Join(lines, "\n"))
	}
	return []byte(lines[0])
}
