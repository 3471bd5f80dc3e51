package identity

import (
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// ParseWorkload returns the SPIFFE ID that the principal of a connection is: the URI in the certificate of the mTLS
// peer, as the proxy that ended the connection tells it. There is one spelling of each; every other principal is a
// *Refusal of reason Malformed.
func ParseWorkload(principal string) (string, error) {
	id, err := agent.ParseWorkload(principal)
	if err != nil {
		return "", refuse(Malformed, "the principal of the connection is no SPIFFE ID: it %s", err)
	}
	return id, nil
}

// WorkloadCaller is the caller that a connection proves: the registered agent to which the SPIFFE ID of its peer
// belongs. The ID has to come from ParseWorkload. The proof holds for this hop alone, and binds neither the request
// nor its body.
func WorkloadCaller(record agent.ID, id string) Caller {
	return Caller{Agent: record, KeyID: id, Assurance: AssuranceWorkload}
}

// WorkloadPattern matches SPIFFE IDs: one, or all below a path. The zero value matches none.
type WorkloadPattern struct {
	text   string // the ID, or what all IDs below the path begin with
	prefix bool
}

// ParseWorkloadPattern reads a SPIFFE ID, or one whose last segment is a star, such as spiffe://mesh.example/ns/prod/*,
// which stands for everything below that path, however deep. A star elsewhere is an error, and so is one in place of
// the trust domain.
func ParseWorkloadPattern(s string) (WorkloadPattern, error) {
	path, star := strings.CutSuffix(s, "/*")
	if !star {
		id, err := agent.ParseWorkload(s)
		return WorkloadPattern{text: id}, err
	}
	// What a star stands for is a segment; so the pattern is well formed when it is an ID with one there.
	if _, err := agent.ParseWorkload(path + "/x"); err != nil {
		return WorkloadPattern{}, err
	}
	return WorkloadPattern{text: path + "/", prefix: true}, nil
}

// Match reports whether the pattern stands for the SPIFFE ID, which has to come from ParseWorkload.
func (p WorkloadPattern) Match(id string) bool {
	if p.prefix {
		return len(id) > len(p.text) && strings.HasPrefix(id, p.text)
	}
	return p.text != "" && id == p.text
}

// String returns the pattern as it was written.
func (p WorkloadPattern) String() string {
	if p.prefix {
		return p.text + "*"
	}
	return p.text
}
