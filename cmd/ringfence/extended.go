package main

import (
	"errors"
	"fmt"

	a2av0 "github.com/a2aproject/a2a-go/a2apb"
	a2av1 "github.com/a2aproject/a2a-go/v2/a2apb/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/governance"
)

// extendedCards gives extended cards in answers the addresses at which their caller found the agent.
type extendedCards struct {
	issuer    *cards.Issuer
	addresses func() cards.Addresses
}

func newExtendedCards(c config.Config, l *listeners, issuer *cards.Issuer) governance.Cards {
	return extendedCards{issuer: issuer, addresses: func() cards.Addresses { return cardAddresses(c, l) }}
}

// Extended returns the card as the mesh passes it on.
func (e extendedCards) Extended(x *governance.Exchange, card []byte) ([]byte, error) {
	if x.Callee == nil {
		return nil, errors.New("passing on extended card: no agent was called")
	}
	base, err := e.base(x)
	if err != nil {
		return nil, fmt.Errorf("passing on extended card: %w", err)
	}
	return e.issuer.Extended(x.Callee, card, base, x.Time)
}

// ExtendedGRPC returns the card as the mesh passes it on. Signatures are over the card's JSON, in gRPC too.
func (e extendedCards) ExtendedGRPC(x *governance.Exchange, message []byte) ([]byte, error) {
	var card proto.Message = &a2av1.AgentCard{}
	if agent.ServiceOf(x.Below) == agent.LegacyService {
		card = &a2av0.AgentCard{}
	}
	if err := proto.Unmarshal(message, card); err != nil {
		return nil, errors.New("passing on extended card: it is no AgentCard")
	}
	document, err := protojson.Marshal(card)
	if err != nil {
		return nil, errors.New("passing on extended card: it has no JSON form")
	}
	if document, err = e.Extended(x, document); err != nil {
		return nil, err
	}
	proto.Reset(card)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(document, card); err != nil {
		return nil, fmt.Errorf("passing on extended card: %w", err)
	}
	return proto.Marshal(card)
}

// base is where the caller found the agent.
func (e extendedCards) base(x *governance.Exchange) (agent.Base, error) {
	switch x.Request.Form {
	case governance.PathForm:
		return e.addresses().Path(x.Callee.Name)
	case governance.RootForm:
		return e.addresses().Root()
	default:
		return e.addresses().Host(x.Request.Authority)
	}
}
