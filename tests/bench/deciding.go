package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/trust"
)

// deciding is how long one part of a decision took.
type deciding struct {
	Name string `json:"name"`
	// Micros is the time of one pass in each round; Parallel is that with all cores at it: the time of the round, divided by
	// the passes of all of them.
	Micros   []float64 `json:"micros"`
	Parallel []float64 `json:"parallelMicros"`
	// Yardstick is how long a bare Ed25519 verification took in each round.
	Yardstick []float64 `json:"yardstickMicros"`
}

// chainAgents are those of the chain that is judged: three links.
var chainAgents = [...]agent.ID{"chief", "boss", "clerk", "caller"}

// chainKey returns the key of an agent of the chain.
func chainKey(name agent.ID) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// chainKeys knows the keys of the agents.
type chainKeys map[string]identity.Signatory

func newChainKeys() chainKeys {
	keys := chainKeys{}
	for _, name := range chainAgents {
		key := agent.NewKey(chainKey(name).Public().(ed25519.PublicKey))
		for _, id := range key.IDs() {
			did, _, _ := strings.Cut(id, "#")
			keys[id] = identity.Signatory{Public: key.Public, Agent: name, DID: did, Role: agent.AgentKey}
		}
	}
	return keys
}

// Signatory returns whose a key is.
func (k chainKeys) Signatory(keyID string, _ time.Time) (identity.Signatory, bool) {
	s, ok := k[keyID]
	return s, ok
}

// decides times what is decided on headers: it runs alone, before anything else is started, and collects garbage as the
// services do.
func decides(rounds int) ([]deciding, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(servicePercent))
	now := time.Now()
	keys := newChainKeys()
	message, err := signedMessage(now)
	if err != nil {
		return nil, err
	}
	chained, err := judgedChain(keys, now)
	if err != nil {
		return nil, err
	}
	key := chainKey("caller")
	public, text := key.Public().(ed25519.PublicKey), make([]byte, 512)
	signature := ed25519.Sign(key, text)
	record := &agent.Record{Name: "caller", Base: agent.TrustUser, Ceiling: agent.User}
	image := trust.Silent(trust.DefaultRules())
	replay := identity.NewReplay(now.Add(-time.Hour), 1<<26)
	var used atomic.Uint64
	list := []struct {
		name string
		pass func() bool
	}{
		{"signature", func() bool { _, err := identity.Verify(message, keys, now); return err == nil }},
		{"authority-3-links", chained},
		{"trust", func() bool { return image.Standing(record, now).Ring == agent.User }},
		{"replay", func() bool {
			var nonce [16]byte
			binary.BigEndian.PutUint64(nonce[:], used.Add(1))
			proof := identity.Proof{Key: "k", Nonce: base64.RawURLEncoding.EncodeToString(nonce[:]), Created: now, Expires: now.Add(time.Minute)}
			return replay.Use(context.Background(), proof, now) == nil
		}},
	}
	done := make([]deciding, len(list))
	for i, one := range list {
		if !one.pass() {
			return nil, fmt.Errorf("deciding %s: it is refused", one.name)
		}
		done[i].Name = one.name
		for range rounds {
			done[i].Yardstick = append(done[i].Yardstick, timePass(func() { ed25519.Verify(public, text, signature) }))
			done[i].Micros = append(done[i].Micros, timePass(func() { one.pass() }))
			done[i].Parallel = append(done[i].Parallel, timeParallel(func() { one.pass() }))
		}
	}
	return done, nil
}

// timeParallel returns the time of a round on all cores, divided by the passes of all, in microseconds.
func timeParallel(pass func()) float64 {
	var passes atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			own := int64(0)
			for time.Since(began) < readingRound {
				for range 8 {
					pass()
				}
				own += 8
			}
			passes.Add(own)
		})
	}
	group.Wait()
	return float64(time.Since(began).Nanoseconds()) / 1e3 / float64(passes.Load())
}

// signedMessage returns a request of 1 KiB as its headers show it.
func signedMessage(now time.Time) (identity.Message, error) {
	key := chainKey("caller")
	signer := identity.Signer{
		Key: key, KeyID: agent.NewKey(key.Public().(ed25519.PublicKey)).IDs()[0], Now: func() time.Time { return now }, Random: rand.Reader,
	}
	const target = "http://127.0.0.1:10000/agents/ledger"
	header := http.Header{"Content-Type": {"application/json"}, "A2a-Version": {"1.0"}}
	signed, err := signer.Headers(http.MethodPost, target, header, make([]byte, 1<<10))
	if err != nil {
		return identity.Message{}, fmt.Errorf("signing: %w", err)
	}
	m := identity.Message{Method: http.MethodPost, Scheme: "http", Authority: "127.0.0.1:10000", Path: "/agents/ledger", HasBody: true}
	for _, fields := range []http.Header{header, signed} {
		for name, values := range fields {
			m.Header = append(m.Header, identity.Field{Name: strings.ToLower(name), Value: values[0]})
		}
	}
	return m, nil
}

// judgedChain returns the decision on ring and authority for a chain of three links, which are known after the first.
func judgedChain(keys chainKeys, now time.Time) (func() bool, error) {
	field := ""
	holders := make([]authority.Holding, len(chainAgents))
	for i, name := range chainAgents {
		holders[i] = authority.Holding{Agent: name, Ring: agent.Supervisor, Trust: 700, Capabilities: []agent.Capability{"call:*"}, Active: true}
		if i+1 == len(chainAgents) {
			break
		}
		var err error
		field, err = delegation.Issue(delegation.Order{
			Key: chainKey(name), Parent: field, Holder: chainKey(chainAgents[i+1]).Public().(ed25519.PublicKey),
			Capabilities: []agent.Capability{"call:*", "read:*"}, Depth: len(chainAgents) - 2 - i,
		}, now, rand.Reader)
		if err != nil {
			return nil, err
		}
	}
	caller := chainAgents[len(chainAgents)-1]
	verifier := delegation.NewVerifier(1000)
	presented := delegation.Presentation{
		Field: field, Agent: caller, Key: chainKey(caller).Public().(ed25519.PublicKey), Callee: "ledger",
	}
	if _, refusal := verifier.Verify(presented, keys, now); refusal != nil {
		return nil, errors.New("deciding: " + refusal.Error())
	}
	depths := authority.Depths{4, 3, 2, 0}
	return func() bool {
		chain, refusal := verifier.Verify(presented, keys, now)
		if refusal != nil {
			return false
		}
		var given [delegation.MaxLinks]authority.Grant
		composed, _ := authority.Compose(holders, chain.AppendGrants(given[:0]), depths)
		return !composed.Over(now) && composed.Ring >= agent.User && composed.Covers("ledger", "write", "SendMessage", "call")
	}, nil
}
