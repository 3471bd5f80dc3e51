package identity

import (
	"encoding/json"
	"fmt"

	"ringfence.dev/ringfence/internal/agent"
)

// document is a DID document (DID Core section 5) with one key. Members are in the order they are served.
type document struct {
	Context            []string             `json:"@context"`
	ID                 string               `json:"id"`
	AlsoKnownAs        []string             `json:"alsoKnownAs"`
	VerificationMethod []verificationMethod `json:"verificationMethod"`
	Authentication     []string             `json:"authentication"`
	AssertionMethod    []string             `json:"assertionMethod"`
}

type verificationMethod struct {
	ID                 string `json:"id"`
	Type               string `json:"type"`
	Controller         string `json:"controller"`
	PublicKeyMultibase string `json:"publicKeyMultibase"`
}

// Document returns the DID document of the key's did:mesh as JSON: the key as a Multikey, for authentication
// and assertion. The same key always gives the same bytes.
func Document(key agent.Key) ([]byte, error) {
	id := key.Mesh + "#" + key.Fragment()
	data, err := json.Marshal(document{
		Context:     []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"},
		ID:          key.Mesh,
		AlsoKnownAs: []string{key.DID},
		VerificationMethod: []verificationMethod{
			{ID: id, Type: "Multikey", Controller: key.Mesh, PublicKeyMultibase: key.Fragment()},
		},
		Authentication:  []string{id},
		AssertionMethod: []string{id},
	})
	if err != nil {
		return nil, fmt.Errorf("writing DID document: %w", err)
	}
	return data, nil
}
