package main

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

// maxTrial bounds the documents of a trial, in bytes.
const maxTrial = 16 << 20

var typeOfPolicy = reflect.TypeFor[policyBody]()

type policyTrialInput struct {
	ContentType string `header:"Content-Type" doc:"application/yaml or application/json."`
	RawBody     []byte `contentType:"application/yaml"`
}

type policyTestOutput struct{ Body policyReport }

type policyDiffInput struct {
	ContentType string `header:"Content-Type" doc:"application/yaml or application/json."`
	RawBody     []byte `contentType:"application/yaml"`

	Remove  []string `query:"remove,explode" doc:"Policies that the change removes."`
	All     bool     `query:"all" doc:"That the change removes every policy that is not in the body."`
	Verbose bool     `query:"verbose" doc:"Tell decisions that stay and are another rule's one by one, too."`
}

type policyDiffOutput struct{ Body policyComparison }

type policyExplainInput struct{ Body askedCall }

type policyExplainOutput struct{ Body policyExplained }

// policyExplained is what the policies in force say of a call.
type policyExplained struct {
	Call        askedCall          `json:"call" doc:"The call, with what was filled in."`
	Epoch       string             `json:"epoch" doc:"The name of the policies in force; empty while there are none."`
	Decided     policySide         `json:"decided" doc:"What they come to, leaving aside limits, findings in content, and approvals."`
	Explanation policy.Explanation `json:"explanation" doc:"What each party and each of its documents says."`
}

// registerTrials adds what leaves no trace.
func (v policyReview) registerTrials(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-policy-schema", Method: http.MethodGet, Path: "/v1/policies/schema", Summary: "Get the JSON Schema of policy documents",
		Errors: []int{401}, Responses: map[string]*huma.Response{
			"200": {Description: "The schema.", Content: map[string]*huma.MediaType{"application/schema+json": {Schema: &huma.Schema{Type: "object"}}}},
		},
	}, func(context.Context, *struct{}) (*policyText, error) {
		return &policyText{ContentType: "application/schema+json", Body: policy.Schema()}, nil
	})
	test := documentOperation(huma.Operation{
		OperationID: "test-policies", Method: http.MethodPost, Path: "/v1/policies/test",
		Summary: "Judge documents against the agents there are, and run their own tests; nothing is written", Errors: []int{401, 413, 415, 422},
	})
	diff := documentOperation(huma.Operation{
		OperationID: "diff-policies", Method: http.MethodPost, Path: "/v1/policies/diff",
		Summary: "Say which decisions that this process remembers a change of the policies would turn; nothing is written", Errors: []int{401, 413, 415, 422},
	})
	test.MaxBodyBytes, diff.MaxBodyBytes = maxTrial, maxTrial
	huma.Register(api, test, v.test)
	huma.Register(api, diff, v.diff)
	describeDocument(test, true)
	describeDocument(diff, false)
	huma.Register(api, huma.Operation{
		OperationID: "explain-policies", Method: http.MethodPost, Path: "/v1/policies/explain",
		Summary: "Say why the policies in force decide a described call as they do", Errors: []int{401, 422},
	}, v.explain)
}

func (v policyReview) test(_ context.Context, in *policyTrialInput) (*policyTestOutput, error) {
	source, err := documentText(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	documents, problems := policy.Parse("", source)
	return &policyTestOutput{Body: reportOn(documents, problems, v.book.Agents())}, nil
}

func (v policyReview) diff(_ context.Context, in *policyDiffInput) (*policyDiffOutput, error) {
	var documents []*policy.Document
	if len(in.RawBody) > 0 {
		source, err := documentText(in.ContentType, in.RawBody)
		if err != nil {
			return nil, err
		}
		var problems []policy.Problem
		if documents, problems = policy.Parse("", source); len(problems) > 0 {
			return nil, refusedPolicies("the documents are refused", problems)
		}
	}
	before, removed := v.book.Image(), in.Remove
	if in.All {
		for _, d := range before.Documents() {
			removed = append(removed, d.Name)
		}
	}
	after, problems := v.book.Try(documents, removed...)
	if len(problems) > 0 {
		return nil, refusedPolicies("the documents are refused", problems)
	}
	found := rulebook.Compare(slices.Values(v.recorded(comparedRecords)), before, after, v.at(), shownFlips)
	return &policyDiffOutput{Body: comparisonOf(found, in.Verbose)}, nil
}

func (v policyReview) explain(_ context.Context, in *policyExplainInput) (*policyExplainOutput, error) {
	call, err := in.Body.call(v.book.Agents(), v.now())
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("validation failed", err)
	}
	return &policyExplainOutput{Body: explainedBy(v.book.Image(), call, v.at())}, nil
}

// explainedBy says what the parties of a set say of a call.
func explainedBy(set *policy.Set, call policy.Call, at policy.Parties) policyExplained {
	return policyExplained{
		Call: describeCall(call), Epoch: set.Epoch(), Decided: sideOf(rulebook.SideOf(set, &call, at)),
		Explanation: set.Explain(&call, at),
	}
}

// refusedPolicies is the answer to documents that are refused. Each problem has its line.
func refusedPolicies(title string, problems []policy.Problem) error {
	details := make([]error, len(problems))
	for i, p := range problems {
		location := "body"
		if p.Line > 0 {
			location = fmt.Sprintf("line %d", p.Line)
		}
		details[i] = &huma.ErrorDetail{Location: location, Message: p.Reason, Value: first(p.Document, p.File)}
	}
	return huma.Error422UnprocessableEntity(title, details...)
}
