package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		yaml string
		edit func(*Config)
	}{
		{"empty-file-is-the-defaults", "", func(*Config) {}},
		{"comment-only", "# nothing\n", func(*Config) {}},
		{"one-key-leaves-the-others", "rings: {write: 1}", func(c *Config) { c.Rings.Write = 1 }},
		{"durations", "limits: {decision: 250ms, idle: 1h}", func(c *Config) {
			c.Limits.Decision, c.Limits.Idle = 250*time.Millisecond, time.Hour
		}},
		{"networks", "registry: {allowedNetworks: [127.0.0.0/8, 'fd00::/8']}", func(c *Config) {
			c.Registry.AllowedNetworks = []string{"127.0.0.0/8", "fd00::/8"}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(c.yaml))
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			c.edit(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseReportsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`
bogus: 1
limits: {body: 3, answer: 3, depth: x, foo: 1}
rings: {read: 9, ring1: {rate: 1}, ring3: {time: 1ms}}
identity:
  keysStale: 5m
  issuers:
    - {issuer: "https://a.example#x", audiences: [mesh], keys: "http://a.example/keys", algorithms: [none], claim: aud, maxLifetime: 1ms}
    - {issuer: b, keys: /etc/keys.json}
    - {issuer: b, audiences: [mesh]}
  hops: ["https://proxy"]
  web: {hosts: ["Agents.example"], allowedNetworks: [x], refresh: 1s, stale: 0s, swap: maybe}
  replay: never
trust: {weight: 0, goodHalfLife: 1s, badHalfLife: 0s, badFactor: 0, goodCap: 1, dwell: -1s, quarantine: [overreach, served, typo]}
delegation: {missing: maybe, linger: 1s, links: 1}
listen: {api: nowhere, grpc: "127.0.0.1:99999"}
mesh: {domain: Mesh.Local, publicURL: "ftp://x", rootAgent: "A b"}
registry: {allowedNetworks: [nope], defaultCapabilities: [everything]}
content: {mode: off}
store: {replicas: 3, stale: 1ms}
cards: {verify: maybe, serve: raw, refresh: 1s, jku: ["keys.example"], algorithms: [HS256], previousKeys: [x], changes: {skills: ask}}
tasks: {memory: 1, retention: 1s, finished: 2h, durability: maybe}
push: {schemes: [ftp], allow: ["*"], allowedNetworks: [everywhere]}
policies: {parties: [me], unknownAgents: maybe}
approvals:
  pending: 0
  retention: 1m
  statusURL: nowhere
  approvers: [{name: ada, groups: [], issuer: "https://unknown.example", subject: ada}]
  webhooks:
    - {url: "http://hooks.example/", secretFile: s}
    - {url: "https://hooks.example/a?token=b", secretFile: s}
    - {url: "https://hooks.example/a?token=b"}
`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"unknown key bogus", "unknown key foo", "limits.body", "limits.answer", "line 3", "rings.read", "listen.api", "listen.grpc",
		"mesh.domain", "mesh.publicURL", "mesh.rootAgent", "registry.allowedNetworks[0]", "registry.defaultCapabilities[0]",
		"content.mode", "store.replicas", "store.stale", "rings.ring1: ", "rings.ring3.time",
		"identity.keysStale: must be 10m to 720h", "identity.issuers[0].issuer", "identity.issuers[0].keys", "identity.issuers[0].algorithms",
		"identity.issuers[0].claim", "identity.issuers[0].maxLifetime", "identity.issuers[1].audiences", "identity.issuers[2].issuer",
		"identity.issuers[2].keys", "identity.hops[0]", "identity.web.hosts[0]", "identity.web.allowedNetworks[0]", "identity.web.refresh",
		"identity.web.stale", "identity.web.swap", "identity.replay",
		"trust.weight", "trust.goodHalfLife", "trust.badHalfLife", "trust.badFactor", "trust.goodCap", "trust.dwell",
		"trust.quarantine[1]", "trust.quarantine[2]", "delegation.missing", "delegation.linger", "delegation.links",
		"cards.verify", "cards.serve", "cards.refresh", "cards.jku[0]", "cards.algorithms[0]", "cards.previousKeys[0]", "cards.changes.skills",
		"tasks.memory", "tasks.retention", "tasks.finished", "tasks.durability", "push.schemes[0]", "push.allow[0]", "push.allowedNetworks[0]",
		"policies.parties[0]", "policies.unknownAgents", "approvals.pending", "approvals.retention", "approvals.statusURL",
		"approvals.approvers[0].groups", "approvals.approvers[0].issuer", "approvals.webhooks[0].url: must be an https URL",
		"approvals.webhooks[2].url: must not be that of another webhook", "approvals.webhooks[2].secretFile",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q in:\n%v", want, err)
		}
	}
	for _, known := range []string{"trust.quarantine[0]", "keysStale: must be 10m0s", "identity.issuers[1].keys", "approvals.webhooks[1]", "token=b"} {
		if strings.Contains(err.Error(), known) {
			t.Errorf("%q is a problem in:\n%v", known, err)
		}
	}
	if strings.Contains(err.Error(), "config.") {
		t.Errorf("names Go types:\n%v", err)
	}
}

func TestParseNamesWrongTypesPlainly(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ yaml, want string }{
		"duration":         {"limits: {decision: soon}", `line 1: "soon" where a duration, such as 30s, has to stand`},
		"bare-duration":    {"cards: {refresh: 5}", `line 1: "5" where a duration, such as 30s, has to stand`},
		"number":           {"limits: {depth: deep}", `line 1: "deep" where a whole number has to stand`},
		"text-with-into":   {"limits: {answers: a into b}", `line 1: "a into b" where a whole number has to stand`},
		"truth":            {"mesh: {resolvable: maybe}", `line 1: "maybe" where true or false has to stand`},
		"list":             {"push: {schemes: https}", `line 1: "https" where a list has to stand`},
		"section":          {"cards: {changes: hold}", `line 1: "hold" where a section of keys has to stand`},
		"list-for-section": {"tasks: [deny]", `line 1: a list where a section of keys has to stand`},
		"section-for-text": {"mesh: {domain: {a: b}}", `line 1: a section where a text has to stand`},
		"named-text":       {"registry: {defaultCapabilities: [[a]]}", `line 1: a list where a text has to stand`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse([]byte(c.yaml)); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestParseRefusesFurtherDocuments(t *testing.T) {
	t.Parallel()
	if _, err := Parse([]byte("log: {level: info}\n---\nlog: {level: debug}\n")); err == nil {
		t.Error("accepted a second document")
	}
}

func TestRootIsNoAgentsHost(t *testing.T) {
	t.Parallel()
	for publicURL, want := range map[string]bool{
		"": true, "https://mesh.example": true, "https://mesh.local": true, "https://xmesh.local": true,
		"https://gateway.mesh.local": false, "https://Gateway.Mesh.Local.:8443": false,
	} {
		c := Default()
		c.Mesh.RootAgent, c.Mesh.PublicURL = "weather", publicURL
		if err := c.Validate(); (err == nil) != want {
			t.Errorf("%q: %v", publicURL, err)
		}
		c.Mesh.RootAgent = ""
		if err := c.Validate(); err != nil {
			t.Errorf("%q without a root agent: %v", publicURL, err)
		}
	}
}

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(path, []byte("rings: [1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".missing"} {
		if _, err := Load(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("Load(%q) = %v, want an error that names the file", p, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("rings: {write: 1}"))
	f.Add([]byte("listen: {gateway: '0.0.0.0:80'}\nmesh: {domain: a.b}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := Parse(data); err == nil && c.Validate() != nil {
			t.Error("accepted an invalid configuration")
		}
	})
}
