package agent

import "time"

// CardStatus says what the signatures of a card are worth. The zero value says that nobody looked.
type CardStatus string

// The statuses of a card (A2A 1.0 section 8.4.3). Only a verified card is known to be what its signer wrote.
const (
	CardUnsigned   CardStatus = "unsigned"
	CardVerified   CardStatus = "verified"
	CardInvalid    CardStatus = "invalid"
	CardUnknownKey CardStatus = "unknown-key"
)

// CardVerification is the result of verifying a card's signatures.
type CardVerification struct {
	// Status is verified as soon as one signature is, else the worst that any of them is worth.
	Status CardStatus `json:"status,omitempty"`
	// KeyID, Algorithm and Canonicalisation are those of the signature that Status is about: the key as the signature
	// names it, the algorithm, and the canonical form that it covers.
	KeyID            string `json:"kid,omitempty"`
	Algorithm        string `json:"alg,omitempty"`
	Canonicalisation string `json:"canonicalisation,omitempty"`
	// Reason says in one sentence why the card is not verified.
	Reason string `json:"reason,omitempty"`
}

// Verified reports whether a signature covers the card.
func (v CardVerification) Verified() bool { return v.Status == CardVerified }

// CardChange is a class of changes that a new card brings about its agent.
type CardChange string

// The classes of changes, in the order they are reported.
const (
	InterfacesChange CardChange = "interfaces"
	SkillsChange     CardChange = "skills"
	SecurityChange   CardChange = "security"
	KeysChange       CardChange = "keys"
	OtherChange      CardChange = "other"
)

// PendingCard is a card that the agent serves now and that waits for a person's approval. The record's own card
// stays in force.
type PendingCard struct {
	// Digest names the card; who approves repeats it, so that nobody approves what they have not seen.
	Digest string `json:"digest"`
	// Changes are the classes in which it differs from the card in force.
	Changes []CardChange `json:"changes"`
	// Verification is what its signatures are worth.
	Verification CardVerification `json:"verification,omitzero"`
	// Found is when the mesh saw it first, in UTC with second precision.
	Found time.Time `json:"foundAt"`
	// Card is as received.
	Card Card `json:"card"`
}

// CardUpdate is the last time that a card took the place of another without the agent being registered anew.
type CardUpdate struct {
	// At is in UTC with second precision.
	At time.Time `json:"at"`
	// Changes are the classes in which the new card differed.
	Changes []CardChange `json:"changes"`
	// Approved says that a person decided, not the policy.
	Approved bool `json:"approved,omitempty"`
}
