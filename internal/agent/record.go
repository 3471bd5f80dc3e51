package agent

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Encode returns the record as JSON with the card in it byte for byte as received; json.Marshal would change
// the card's white space and escapes.
func (r *Record) Encode() ([]byte, error) {
	bare := *r
	bare.Card = Card{}
	fields, err := json.Marshal(struct {
		Record
		Card *struct{} `json:"card,omitempty"`
	}{Record: bare})
	if err != nil {
		return nil, fmt.Errorf("encoding agent record: %w", err)
	}
	if len(r.Card.Raw) == 0 {
		return nil, errors.New("encoding agent record: it has no card")
	}
	encoded := append(fields[:len(fields)-1], `,"card":`...)
	encoded = append(encoded, r.Card.Raw...)
	return append(encoded, '}'), nil
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
	record.Revision = revision
	return record, nil
}

func (r *Record) validate() error {
	if _, err := ParseID(string(r.Name)); err != nil {
		return FieldError{"name", err.Error()}
	}
	if len(r.Card.Raw) == 0 {
		return FieldError{"card", "is required"}
	}
	if r.Base < 0 || r.Base > MaxTrust {
		return FieldError{"baseTrust", "must be 0 to 1000"}
	}
	if r.Status != Active && r.Status != Quarantined && r.Status != Revoked {
		return FieldError{"status", "must be active, quarantined or revoked"}
	}
	for i, did := range r.DIDs {
		if err := ValidateDID(did); err != nil {
			return FieldError{fmt.Sprintf("dids[%d]", i), err.Error()}
		}
	}
	for i, capability := range r.Capabilities {
		if _, err := ParseCapability(string(capability)); err != nil {
			return FieldError{fmt.Sprintf("capabilities[%d]", i), err.Error()}
		}
	}
	return nil
}
