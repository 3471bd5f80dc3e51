package agent

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// maxSubjectPart bounds each part of a Subject, in bytes.
const maxSubjectPart = 512

// Problems returns what is wrong with the subject, one for each of its fields below path.
func (s Subject) Problems(path string) []FieldError {
	var problems []FieldError
	for _, part := range []struct{ path, text string }{{"issuer", s.Issuer}, {"subject", s.Name}} {
		if part.text == "" || len(part.text) > maxSubjectPart || !utf8.ValidString(part.text) || slices.ContainsFunc([]rune(part.text), unicode.IsControl) {
			problem := fmt.Sprintf("must have 1 to %d bytes and no control characters", maxSubjectPart)
			problems = append(problems, FieldError{path + "." + part.path, problem})
		}
	}
	return problems
}

// validate returns the first field that does not hold what the registry would have accepted.
func (r *Record) validate() error {
	if _, err := ParseID(string(r.Name)); err != nil {
		return FieldError{"name", err.Error()}
	}
	if len(r.Card.Raw) == 0 {
		return FieldError{"card", "is required"}
	}
	if r.Pending != nil && (len(r.Pending.Card.Raw) == 0 || r.Pending.Digest == "") {
		return FieldError{"pendingCard", "must have a card and a digest"}
	}
	if r.Base < 0 || r.Base > MaxTrust {
		return FieldError{"baseTrust", "must be 0 to 1000"}
	}
	if r.RequiredTrust < 0 || r.RequiredTrust > MaxTrust {
		return FieldError{"requiredTrust", "must be 0 to 1000"}
	}
	if r.Status != Active && r.Status != Quarantined && r.Status != Revoked {
		return FieldError{"status", "must be active, quarantined or revoked"}
	}
	for i, capability := range r.Capabilities {
		if _, err := ParseCapability(string(capability)); err != nil {
			return FieldError{fmt.Sprintf("capabilities[%d]", i), err.Error()}
		}
	}
	return r.validatePrincipals()
}

func (r *Record) validatePrincipals() error {
	for i, did := range r.DIDs {
		if err := ValidateDID(did); err != nil {
			return FieldError{fmt.Sprintf("dids[%d]", i), err.Error()}
		}
	}
	for i, did := range r.Sidecars {
		path := fmt.Sprintf("sidecarDids[%d]", i)
		if _, err := ParseKeyDID(did); err != nil {
			return FieldError{path, err.Error()}
		}
		if slices.Contains(r.DIDs, did) {
			return FieldError{path, "is a key of the agent itself"}
		}
	}
	for i, id := range r.Workloads {
		if _, err := ParseWorkload(id); err != nil {
			return FieldError{fmt.Sprintf("spiffeIds[%d]", i), err.Error()}
		}
	}
	for i, subject := range r.Subjects {
		if problems := subject.Problems(fmt.Sprintf("subjects[%d]", i)); len(problems) > 0 {
			return problems[0]
		}
	}
	return nil
}
