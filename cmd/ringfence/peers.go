package main

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/vouch"
)

// agentAccess lets active agents use parts of the API with their own signature, under the same profile and the same memory
// of nonces as their calls, and no longer than these while changes cannot be followed.
func agentAccess(mesh func() governance.Mesh, stale time.Duration, guard *nonce.Guard) func(*http.Request, []byte) (agent.ID, error) {
	return func(r *http.Request, body []byte) (agent.ID, error) {
		now, m := time.Now(), mesh()
		if m.Behind > stale {
			return "", errors.New("the mesh cannot tell what has changed lately")
		}
		proof, err := identity.Verify(received(r, body), m, now)
		if err != nil {
			return "", err
		}
		record, _ := m.Agents.Agent(proof.Caller.Agent)
		if holding, _ := m.Standing(record, now); !holding.Active {
			return "", errors.New("the agent is suspended")
		}
		if len(body) > 0 {
			if err := identity.CheckDigest(proof.Caller.ContentDigest, body); err != nil {
				return "", err
			}
		}
		if proof.Nonce == "" {
			return proof.Caller.Agent, nil
		}
		return proof.Caller.Agent, guard.Use(r.Context(), proof, now)
	}
}

// received returns the message that a server has received, as a signature covers it.
func received(r *http.Request, body []byte) identity.Message {
	m := identity.Message{Method: r.Method, Scheme: "http", Authority: r.Host, HasBody: len(body) > 0}
	if r.TLS != nil {
		m.Scheme = "https"
	}
	m.Path, m.RawQuery, m.HasQuery = strings.Cut(r.RequestURI, "?")
	for name, values := range r.Header {
		for _, value := range values {
			m.Header = append(m.Header, identity.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	return m
}

// peerLookup returns what is known of the agent that holds a DID. When that is older than may count, nobody may do anything.
func peerLookup(mesh func() governance.Mesh, stale time.Duration) func(string, time.Time) vouch.Subject {
	return func(did string, now time.Time) vouch.Subject {
		m := mesh()
		record := holderOf(m, did, now)
		if record == nil {
			return vouch.Subject{}
		}
		holding, absence := m.Standing(record, now)
		stopped := absence != "" || m.Behind > stale
		return vouch.Subject{
			Record: record, Score: holding.Trust, Ring: holding.Ring, Stopped: stopped && record.Status == agent.Active,
		}
	}
}

// holderOf returns the agent that holds a DID, with or without a fragment; nil for none.
func holderOf(m governance.Mesh, did string, now time.Time) *agent.Record {
	if signatory, ok := m.Signatory(did, now); ok {
		record, _ := m.Agents.Agent(signatory.Agent)
		return record
	}
	name, _, _ := strings.Cut(did, "#")
	record, _ := m.Agents.Web(name)
	return record
}
