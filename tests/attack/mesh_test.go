// Package attack runs attacks on identity, trust, delegation, policies, limits and approvals against whole meshes: several
// processes' sets of parts, put together as the binary does it, over one store. Each attack ends in a denial that names its
// reason in the decision record and tells the caller little, and has a control: the same call without the attack is let
// through.
package attack

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/token"
)

// The cast. No sentence that a caller may read has one of these words in it.
const (
	amber    agent.ID = "amber"    // calls, in ring 2
	basalt   agent.ID = "basalt"   // is called and writes, in ring 2
	cobalt   agent.ID = "cobalt"   // is called and only reads, in ring 2
	dolomite agent.ID = "dolomite" // delegates, in ring 1
	mallory  agent.ID = "mallory"  // attacks, in ring 2
	obsidian agent.ID = "obsidian" // is new: nobody vouches for it, so it is in ring 3
)

// rules are the shipped ones. They are loaded outside of any bubble.
var rules *inspect.Set

func TestMain(m *testing.M) {
	var err error
	if rules, err = inspect.Load(inspect.Builtin()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// world is what the processes of one mesh share, and what its operator set.
type world struct {
	*testing.T
	store  *store.Memory
	hosts  *hosts
	issuer *issuer

	missing governance.Missing
	swap    did.Swap
	tokens  []token.IssuerConfig
	stale   time.Duration
	hops    []string
	still   bool // nothing is reviewed on a timer
	shared  bool // limits are counted across processes, which looks after them every 100 ms of the test's clock
	rings   limit.Table
	content governance.ContentMode
	// scanner looks at content in place of the shipped rules.
	scanner governance.Scanner
	// treatments are the operator's, in front of the shipped ones.
	treatments inspect.Treatments

	ids      identifiers
	replicas []*replica
}

// under runs an attack in a mesh of its own, on a clock of its own: time passes only where the test lets it. The mesh has
// one process at first, and the cast.
func under(t *testing.T, setup func(*world), attack func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			T: t, store: store.NewMemory(time.Now), hosts: newHosts(), issuer: newIssuer(), stale: 15 * time.Minute, swap: did.SwapHold,
			rings: limit.Defaults(), scanner: rules,
		}
		t.Cleanup(func() {
			if err := w.store.Close(); err != nil {
				t.Error(err)
			}
		})
		if setup != nil {
			setup(w)
		}
		r := w.start()
		w.enrol(r, amber, func(g *registry.Registration) {})
		w.enrol(r, basalt, func(g *registry.Registration) { g.Effect = "write" })
		w.enrol(r, cobalt, func(g *registry.Registration) { g.Effect = "read" })
		w.enrol(r, dolomite, func(g *registry.Registration) { g.RingCeiling = number(1) })
		w.enrol(r, mallory, func(g *registry.Registration) {})
		w.enrol(r, obsidian, func(g *registry.Registration) { g.RingCeiling = nil })
		// What was signed in the second in which a process began counts nowhere.
		w.pass(2 * time.Second)
		attack(w)
	})
}

func number(n int) *int { return &n }

// registration is what the operator says about an agent of the cast: its own owner, ring 2, and that it may call everybody.
func registration(name agent.ID) registry.Registration {
	return registry.Registration{
		Name: string(name), Card: []byte(card(name)), DIDs: []string{publicKey(name).DID}, Owner: "owner of " + string(name),
		RingCeiling: number(2), Capabilities: []string{"call:*"},
	}
}

func card(name agent.ID) string {
	return fmt.Sprintf(`{"name":%q,"description":"d","version":"1","capabilities":{"streaming":true},"skills":[],
		"defaultInputModes":["text/plain"],"defaultOutputModes":["text/plain"],"supportedInterfaces":[
		{"url":"http://10.0.0.1:9000/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0"},
		{"url":"http://10.0.0.1:9000/rest","protocolBinding":"HTTP+JSON","protocolVersion":"1.0"}]}`, name)
}

func privateKey(name agent.ID) ed25519.PrivateKey { return meshtest.Private(name) }

func publicKey(name agent.ID) agent.Key { return meshtest.Public(privateKey(name)) }

// enrol registers an agent at a process, and has it known in all of them.
func (w *world) enrol(r *replica, name agent.ID, change func(*registry.Registration)) {
	w.Helper()
	g := registration(name)
	change(&g)
	if _, err := r.agents.Register(w.Context(), g); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// replace registers an agent anew.
func (w *world) replace(r *replica, name agent.ID, change func(*registry.Registration)) {
	w.Helper()
	g := registration(name)
	change(&g)
	if _, err := r.agents.Replace(w.Context(), name, g, 0); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// must ends the test on an error of what the operator does; then all processes have heard of it.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// pass lets time pass on the test's clock, and then happen what is due. Nobody waits for it.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// put writes into a bucket behind the back of all parts.
func (w *world) put(bucket, key, value string) {
	w.Helper()
	b, err := w.store.Bucket(w.Context(), bucket)
	if err == nil {
		_, err = b.Put(w.Context(), key, []byte(value))
	}
	w.must(err)
}

// raw returns what a bucket has under a key, byte for byte; empty for nothing.
func (w *world) raw(bucket, key string) string {
	w.Helper()
	b, err := w.store.Bucket(w.Context(), bucket)
	if err != nil {
		w.Fatal(err)
	}
	entry, err := b.Get(w.Context(), key)
	if err != nil {
		return ""
	}
	return string(entry.Value)
}

// identifiers hands out decision ids, and nonces of signatures and links.
type identifiers struct {
	mu   sync.Mutex
	last int
}

func (i *identifiers) next() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	return i.last
}

// Read fills p with bytes that no other call gets.
func (i *identifiers) Read(p []byte) (int, error) {
	copy(p, fmt.Sprintf("%-64d", i.next()))
	return len(p), nil
}

// hosts are web servers with DID documents. They answer as the test has them answer.
type hosts struct {
	mu        sync.Mutex
	documents map[string]string
}

func newHosts() *hosts { return &hosts{documents: map[string]string{}} }

// serves sets the keys, by fragment, that the host of a DID lists from now on; without any, the host fails.
func (h *hosts) serves(name string, keys map[string]ed25519.PrivateKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.documents[name] = ""; len(keys) == 0 {
		return
	}
	document := map[string]any{"id": name}
	var methods []any
	var listed []string
	for fragment, key := range keys {
		methods = append(methods, map[string]any{
			"id": name + "#" + fragment, "type": "Multikey", "controller": name,
			"publicKeyMultibase": strings.TrimPrefix(meshtest.Public(key).DID, agent.KeyMethod),
		})
		listed = append(listed, name+"#"+fragment)
	}
	document["verificationMethod"], document["authentication"] = methods, listed
	text, _ := json.Marshal(document) // texts and lists alone
	h.documents[name] = string(text)
}

// Resolve returns what the host of a DID has.
func (h *hosts) Resolve(_ context.Context, web did.Web) (did.Document, error) {
	h.mu.Lock()
	text := h.documents[web.String()]
	h.mu.Unlock()
	if text == "" {
		return did.Document{}, &did.ResolveError{Outcome: did.Failed, Problem: "the host does not answer"}
	}
	document, err := did.ParseDocument([]byte(text), web.String())
	if err != nil {
		return did.Document{}, &did.ResolveError{Outcome: did.Refused, Problem: err.Error()}
	}
	return document, nil
}

// quiet is where the parts log.
var quiet = slog.New(slog.DiscardHandler)
