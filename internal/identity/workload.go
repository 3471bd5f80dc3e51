package identity

import (
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// WorkloadCaller is the caller that a connection proves: the registered agent to which the SPIFFE ID of its peer
// belongs. The proof holds for this hop alone, and binds neither the request nor its body.
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

// Match reports whether the pattern stands for the principal of a connection: the URI in the certificate of the mTLS peer, as
// the proxy that ended the connection tells it. What is no SPIFFE ID in its only form, such as one that leads out of a path
// again with dots, is matched by none.
func (p WorkloadPattern) Match(principal string) bool {
	if !p.prefix {
		return p.text != "" && principal == p.text
	}
	if !strings.HasPrefix(principal, p.text) {
		return false
	}
	_, err := agent.ParseWorkload(principal)
	return err == nil
}

// String returns the pattern as it was written.
func (p WorkloadPattern) String() string {
	if p.prefix {
		return p.text + "*"
	}
	return p.text
}
