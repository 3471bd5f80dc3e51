package policy

import (
	"bytes"
	_ "embed"
)

//go:embed policy.schema.json
var policySchema []byte

// Schema returns the JSON Schema (draft 2020-12) of documents. What it refuses, Parse refuses; Parse also refuses what a
// schema cannot say, such as durations out of range and names that are repeated.
func Schema() []byte { return bytes.Clone(policySchema) }
