package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/callback"
)

// Validate reports every value that cannot work, each with its key and what is allowed.
func (c Config) Validate() error {
	var v validation
	v.check(c.DataDir != "", "dataDir", "must not be empty")
	c.Listen.validate(&v)
	c.Mesh.validate(&v)
	for i, text := range c.Registry.AllowedNetworks {
		_, err := netip.ParsePrefix(text)
		v.check(err == nil, fmt.Sprintf("registry.allowedNetworks[%d]", i), "must be a CIDR prefix, such as 10.0.0.0/8")
	}
	for i, capability := range c.Registry.Capabilities {
		_, err := agent.ParseCapability(string(capability))
		v.wrap(err, fmt.Sprintf("registry.defaultCapabilities[%d]", i))
	}
	c.Cards.validate(&v)
	v.check(c.Store.Replicas >= 1 && c.Store.Replicas <= 5, "store.replicas", "must be 1 to 5")
	v.check(c.Store.URL != "" || c.Store.Replicas == 1, "store.replicas", "needs store.url: the embedded store is one server")
	v.check(c.Store.URL == "" || validURL(c.Store.URL, "nats", "tls", "ws", "wss"), "store.url", "must be a NATS URL, such as nats://nats.example:4222")
	v.check(c.Store.Stale >= time.Second && c.Store.Stale <= 24*time.Hour, "store.stale", "must be 1s to 24h")
	c.Identity.validate(&v)
	c.Trust.validate(&v)
	c.Rings.validate(&v)
	c.Delegation.validate(&v)
	c.Policies.validate(&v)
	c.Approvals.validate(&v, c.Identity.Issuers)
	c.Content.validate(&v)
	c.Tasks.validate(&v)
	c.Push.validate(&v)
	c.Limits.validate(&v)
	c.Envoy.validate(&v)
	v.check(slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), "log.level", "must be debug, info, warn or error")
	v.check(slices.Contains([]string{"text", "json"}, c.Log.Format), "log.format", "must be text or json")
	v.check(c.Audit.Recent >= 1 && c.Audit.Recent <= 1_000_000, "audit.recent", "must be 1 to 1000000")
	slices.SortFunc(v.problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(v.problems...)
}

type validation struct{ problems []error }

func (v *validation) check(ok bool, key, problem string) {
	if !ok {
		v.problems = append(v.problems, fmt.Errorf("%s: %s", key, problem))
	}
}

func (v *validation) wrap(err error, key string) {
	if err != nil {
		v.problems = append(v.problems, fmt.Errorf("%s: %w", key, err))
	}
}

// LongestSocket is the longest path, in bytes, that every Linux takes for a socket (108 with the byte that ends it).
const LongestSocket = 107

func (l Listen) validate(v *validation) {
	for key, address := range map[string]string{
		"listen.gateway": l.Gateway, "listen.api": l.API, "listen.grpc": l.GRPC, "listen.cards": l.Cards,
		"listen.envoyAdmin": l.EnvoyAdmin,
	} {
		v.wrap(validAddress(address), key)
	}
	v.check(l.Socket == "" || filepath.IsAbs(l.Socket) && len(l.Socket) <= LongestSocket, "listen.socket",
		fmt.Sprintf("must be an absolute path of at most %d bytes", LongestSocket))
}

func (m Mesh) validate(v *validation) {
	for label := range strings.SplitSeq(m.Domain, ".") {
		if m.Domain == "" {
			break
		}
		if _, err := agent.ParseID(label); err != nil {
			v.wrap(fmt.Errorf("each label %w", err), "mesh.domain")
		}
	}
	v.check(m.PublicURL == "" || validURL(m.PublicURL, "http", "https"), "mesh.publicURL", "must be an http or https URL without path, such as https://mesh.example")
	m.validateRoot(v)
	v.check(!strings.ContainsAny(m.Advertise, "/: \t") || net.ParseIP(m.Advertise) != nil, "mesh.advertise", "must be a host name or address without port")
}

// validateRoot keeps the gateway's own host apart from the agents': a name below the domain means its own agent, never
// the one at the root.
func (m Mesh) validateRoot(v *validation) {
	if m.RootAgent == "" {
		return
	}
	_, err := agent.ParseID(string(m.RootAgent))
	v.wrap(err, "mesh.rootAgent")
	u, err := url.Parse(m.PublicURL)
	below := err == nil && m.Domain != "" && strings.HasSuffix(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), "."+m.Domain)
	v.check(!below, "mesh.publicURL", "must not be below mesh.domain where mesh.rootAgent is set")
}

func (c Cards) validate(v *validation) {
	v.check(slices.Contains([]string{"require", "warn", "off"}, c.Verify), "cards.verify", "must be require, warn or off")
	v.check(slices.Contains([]string{"resign", "verbatim"}, c.Serve), "cards.serve", "must be resign or verbatim")
	v.check(c.Refresh == 0 || c.Refresh >= 10*time.Second && c.Refresh <= 24*time.Hour, "cards.refresh", "must be 10s to 24h, or 0s")
	for i, prefix := range c.JKU {
		v.wrap(agent.CheckURL(prefix), fmt.Sprintf("cards.jku[%d]", i))
	}
	v.check(len(c.Algorithms) > 0, "cards.algorithms", "must name one at least: EdDSA, ES256, RS256")
	for i, algorithm := range c.Algorithms {
		known := slices.Contains([]string{"EdDSA", "ES256", "RS256"}, algorithm)
		v.check(known, fmt.Sprintf("cards.algorithms[%d]", i), "must be EdDSA, ES256 or RS256")
	}
	for i, did := range c.PreviousKeys {
		_, err := agent.ParseKeyDID(did)
		v.wrap(err, fmt.Sprintf("cards.previousKeys[%d]", i))
	}
	for key, action := range map[string]string{
		"interfaces": c.Changes.Interfaces, "skills": c.Changes.Skills, "security": c.Changes.Security, "keys": c.Changes.Keys,
		"other": c.Changes.Other,
	} {
		v.check(action == "accept" || action == "hold", "cards.changes."+key, "must be accept or hold")
	}
}

func (t Tasks) validate(v *validation) {
	v.check(t.Mode == "enforce" || t.Mode == "off", "tasks.mode", "must be enforce or off")
	v.check(t.Unknown == "agent" || t.Unknown == "deny", "tasks.unknown", "must be agent or deny")
	v.check(t.Contexts == "owner" || t.Contexts == "shared", "tasks.contexts", "must be owner or shared")
	v.check(t.Memory >= 1000 && t.Memory <= 10_000_000, "tasks.memory", "must be 1000 to 10000000")
	v.check(t.Retention >= time.Hour && t.Retention <= 365*24*time.Hour, "tasks.retention", "must be 1h to 8760h")
	v.check(t.Finished >= time.Minute && t.Finished <= t.Retention, "tasks.finished", "must be 1m up to tasks.retention")
	v.check(slices.Contains([]string{"memory", "store"}, t.Durability), "tasks.durability", "must be memory or store")
}

func (p Push) validate(v *validation) {
	for i, scheme := range p.Schemes {
		v.check(scheme == "https" || scheme == "http", fmt.Sprintf("push.schemes[%d]", i), "must be https or http")
	}
	for i, text := range p.Allow {
		_, err := callback.ParseHost(text)
		v.wrap(err, fmt.Sprintf("push.allow[%d]", i))
	}
	for i, text := range p.AllowedNetworks {
		_, err := netip.ParsePrefix(text)
		v.check(err == nil, fmt.Sprintf("push.allowedNetworks[%d]", i), "must be a CIDR prefix, such as 10.0.0.0/8")
	}
}

func (l Limits) validate(v *validation) {
	v.check(l.Body >= 256<<10 && l.Body <= 16<<20, "limits.body", "must be 262144 to 16777216 bytes")
	v.check(l.Answer >= 256<<10 && l.Answer <= 16<<20, "limits.answer", "must be 262144 to 16777216 bytes")
	v.check(l.Answers >= max(16<<20, 4*l.Answer) && l.Answers <= 64<<30, "limits.answers", "must be 16777216 to 68719476736 bytes, and four times limits.answer at least")
	v.check(l.Depth >= 4 && l.Depth <= 512, "limits.depth", "must be 4 to 512")
	v.check(l.Members >= 64 && l.Members <= 1<<22, "limits.members", "must be 64 to 4194304")
	v.check(l.Decision >= 10*time.Millisecond && l.Decision <= time.Minute, "limits.decision", "must be 10ms to 1m")
	v.check(l.Idle >= time.Second && l.Idle <= 24*time.Hour, "limits.idle", "must be 1s to 24h")
	v.check(slices.Contains([]string{"auto", "process", "store"}, l.Share), "limits.share", "must be auto, process or store")
	v.check(l.Nonces >= 1024 && l.Nonces <= 1<<26, "limits.nonces", "must be 1024 to 67108864")
}

func (e Envoy) validate(v *validation) {
	levels := []string{"trace", "debug", "info", "warning", "error", "critical", "off"}
	v.check(e.Concurrency >= 0 && e.Concurrency <= 1024, "envoy.concurrency", "must be 0 (the number of cores) to 1024")
	v.check(slices.Contains(levels, e.LogLevel), "envoy.logLevel", "must be one of "+strings.Join(levels, ", "))
	v.check(e.Drain >= 0 && e.Drain <= time.Hour, "envoy.drain", "must be 0s to 1h")
	v.check(e.Codec == "raw" || e.Codec == "generated", "envoy.codec", "must be raw or generated")
	v.check(e.RPC == "lean" || e.RPC == "grpc-go", "envoy.rpc", "must be lean or grpc-go")
	v.check(slices.Contains([]string{"auto", "split", "fused"}, e.Shape), "envoy.shape", "must be auto, split or fused")
}

func validAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("must be host:port, such as 127.0.0.1:8080")
	}
	if host == "" {
		return errors.New("must name a host; 0.0.0.0 listens on all interfaces")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return errors.New("must end in a port, 0 to 65535; 0 takes a free one")
	}
	return nil
}

func validURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != "" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}
