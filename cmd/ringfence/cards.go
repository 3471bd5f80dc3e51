package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	randv2 "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/registry"
)

// cardsAtOnce bounds how many cards are fetched again at the same time.
const cardsAtOnce = 8

// newCardPolicy returns which cards are taken and which changes of them wait for a person.
func newCardPolicy(c config.Config) (cards.Policy, error) {
	mode, err := cards.ParseMode(c.Cards.Verify)
	if err != nil {
		return cards.Policy{}, fmt.Errorf("reading cards.verify: %w", err)
	}
	verifier := cards.VerifierConfig{Algorithms: c.Cards.Algorithms, KeySets: c.Cards.JKU}
	if c.Cards.TrustedKeys != "" {
		set, err := os.ReadFile(c.Cards.TrustedKeys)
		if err != nil {
			return cards.Policy{}, fmt.Errorf("reading cards.trustedKeys: %w", err)
		}
		if verifier.Trusted, err = cards.ParseKeySet(set); err != nil {
			return cards.Policy{}, fmt.Errorf("reading cards.trustedKeys: %s %w", c.Cards.TrustedKeys, err)
		}
	}
	policy := cards.Policy{Mode: mode, Verifier: cards.NewVerifier(verifier)}
	for class, action := range map[agent.CardChange]string{
		agent.InterfacesChange: c.Cards.Changes.Interfaces, agent.SkillsChange: c.Cards.Changes.Skills,
		agent.SecurityChange: c.Cards.Changes.Security, agent.KeysChange: c.Cards.Changes.Keys, agent.OtherChange: c.Cards.Changes.Other,
	} {
		if action == "accept" {
			policy.Accepted = append(policy.Accepted, class)
		}
	}
	return policy, nil
}

// newCardIssuer returns what signs the cards that the mesh serves.
func newCardIssuer(c config.Config, dir lockedDir, policy cards.Policy, logger *slog.Logger) (*cards.Issuer, error) {
	key, err := cardKey(c.Cards.KeyFile, string(dir), logger)
	if err != nil {
		return nil, err
	}
	var previous []ed25519.PublicKey
	for i, did := range c.Cards.PreviousKeys {
		old, err := agent.ParseKeyDID(did)
		if err != nil {
			return nil, fmt.Errorf("reading cards.previousKeys[%d]: %w", i, err)
		}
		previous = append(previous, old.Public)
	}
	signer, err := cards.NewSigner(key, previous...)
	if err != nil {
		return nil, err
	}
	return cards.NewIssuer(signer, policy), nil
}

// cardAddresses are where clients find the agents of the mesh.
func cardAddresses(c config.Config, l *listeners) cards.Addresses {
	found := cards.Addresses{PublicURL: publicURL(c, l)}
	if c.Mesh.Resolvable {
		found.Domain = c.Mesh.Domain
	}
	return found
}

// cardKey returns the configured key, which must exist, or that of the data directory, which is made when it does
// not.
func cardKey(file, dir string, logger *slog.Logger) (ed25519.PrivateKey, error) {
	if file != "" {
		return configuredCardKey(file)
	}
	file = filepath.Join(dir, cardKeyFile)
	key, err := identity.LoadKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = identity.NewKey(rand.Reader); err != nil {
		return nil, err
	}
	if err := identity.SaveKey(file, key); err != nil {
		return nil, err
	}
	logger.Info("made the key that signs the mesh's cards", slog.String("file", file))
	return key, nil
}

func configuredCardKey(file string) (ed25519.PrivateKey, error) {
	key, err := identity.LoadKey(file)
	if err != nil {
		return nil, fmt.Errorf("reading cards.keyFile: %w", err)
	}
	return key, nil
}

// followCards fetches the cards of registered agents again and again while the mesh runs.
func followCards(lifecycle fx.Lifecycle, c config.Config, r *registry.Registry) {
	if c.Cards.Refresh == 0 {
		return
	}
	background(lifecycle, func(ctx context.Context) {
		r.FollowCards(ctx, registry.Refresh{
			Every:  c.Cards.Refresh,
			AtOnce: cardsAtOnce,
			Jitter: func() time.Duration { return randv2.N(c.Cards.Refresh/5) - c.Cards.Refresh/10 },
		})
	})
}

// cardMetrics counts what becomes of cards that are fetched again.
type cardMetrics struct {
	refreshes, changes *prometheus.CounterVec
}

func newCardMetrics(r prometheus.Registerer) *cardMetrics {
	m := &cardMetrics{
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringfence_card_refreshes_total", Help: "Cards fetched again, by what became of them.",
		}, []string{"outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringfence_card_changes_total", Help: "Classes of changes found in cards that were fetched again, by what became of the card; a card that is found again is not counted again.",
		}, []string{"class", "outcome"}),
	}
	r.MustRegister(m.refreshes, m.changes)
	return m
}

func (m *cardMetrics) observe(outcome registry.CardOutcome, changes []agent.CardChange) {
	m.refreshes.WithLabelValues(string(outcome)).Inc()
	for _, change := range changes {
		m.changes.WithLabelValues(string(change), string(outcome)).Inc()
	}
}
