package agent

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Encode returns the record as JSON with its cards in it byte for byte as received; json.Marshal would change
// their white space and escapes.
func (r *Record) Encode() ([]byte, error) {
	if len(r.Card.Raw) == 0 {
		return nil, errors.New("encoding agent record: it has no card")
	}
	bare := *r
	bare.Card, bare.Pending = Card{}, nil
	encoded, err := withCard(struct {
		Record
		Card *struct{} `json:"card,omitempty"`
	}{Record: bare}, r.Card)
	if err != nil || r.Pending == nil {
		return encoded, err
	}
	if len(r.Pending.Card.Raw) == 0 {
		return nil, errors.New("encoding agent record: its pending card is empty")
	}
	pending := *r.Pending
	pending.Card = Card{}
	waiting, err := withCard(struct {
		PendingCard
		Card *struct{} `json:"card,omitempty"`
	}{PendingCard: pending}, r.Pending.Card)
	if err != nil {
		return nil, err
	}
	encoded = append(encoded[:len(encoded)-1], `,"pendingCard":`...)
	return append(append(encoded, waiting...), '}'), nil
}

// withCard returns fields as JSON with the card as one more member.
func withCard(fields any, card Card) ([]byte, error) {
	encoded, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encoding agent record: %w", err)
	}
	encoded = append(encoded[:len(encoded)-1], `,"card":`...)
	return append(append(encoded, card.Raw...), '}'), nil
}

// DecodeRecord reads what Encode wrote, as the record of a revision, and returns an error unless every field
// holds what the registry would have accepted.
func DecodeRecord(data []byte, revision uint64) (*Record, error) {
	record := &Record{}
	if err := json.Unmarshal(data, record); err != nil {
		return nil, fmt.Errorf("decoding agent record: %w", err)
	}
	if err := record.validate(); err != nil {
		return nil, fmt.Errorf("decoding agent record: %w", err)
	}
	if record.Registered.IsZero() {
		record.Registered = record.Created
	}
	record.Revision = revision
	return record, nil
}
