package identity

import (
	"encoding/json"
	"fmt"

	"ringfence.dev/ringfence/internal/agent"
)

// document is a DID document (DID Core section 5). Members are in the order they are served.
type document struct {
	Context            []string             `json:"@context"`
	ID                 string               `json:"id"`
	AlsoKnownAs        []string             `json:"alsoKnownAs"`
	VerificationMethod []verificationMethod `json:"verificationMethod"`
	Authentication     []string             `json:"authentication"`
	AssertionMethod    []string             `json:"assertionMethod,omitempty"`
}

type verificationMethod struct {
	ID                 string `json:"id"`
	Type               string `json:"type"`
	Controller         string `json:"controller"`
	PublicKeyMultibase string `json:"publicKeyMultibase"`
}

// Document returns the DID document of the did:mesh of a key as JSON, with the keys as Multikeys. The DID's own key
// is for authentication and, when it is an agent's, for assertion; the keys of sidecars are for authentication alone,
// as they speak for the agent on the wire and sign nothing that outlives a request. The same keys in the same order
// always give the same bytes.
func Document(h agent.Hosted) ([]byte, error) {
	id := h.Key.Mesh
	d := document{
		Context:     []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"},
		ID:          id,
		AlsoKnownAs: append([]string{h.Key.DID}, h.Webs...),
	}
	for _, key := range append([]agent.Key{h.Key}, h.Sidecars...) {
		method := verificationMethod{
			ID: id + "#" + key.Fragment(), Type: "Multikey", Controller: id, PublicKeyMultibase: key.Fragment(),
		}
		d.VerificationMethod = append(d.VerificationMethod, method)
		d.Authentication = append(d.Authentication, method.ID)
	}
	if h.Role == agent.AgentKey {
		d.AssertionMethod = d.Authentication[:1]
	}
	data, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("writing DID document: %w", err)
	}
	return data, nil
}
