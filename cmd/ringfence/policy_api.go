package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/strictjson"
)

const (
	yamlType = "application/yaml"
	jsonType = "application/json"
	// comparedRecords bounds how many recorded decisions a change is held against.
	comparedRecords = 10_000
	// shownFlips bounds how many of those that it would change are told one by one.
	shownFlips = 1000
)

type policiesInput struct {
	PageSize  int    `query:"pageSize" minimum:"1" maximum:"500" default:"100" doc:"At most this many policies."`
	PageToken string `query:"pageToken" doc:"Where to go on: nextPageToken of the page before."`
	InForce   bool   `query:"inForce" doc:"List what is in force, with its text, rather than what is held."`
}

type policiesOutput struct {
	Body struct {
		Policies      []policyBody `json:"policies" doc:"Policies by name."`
		Status        policyStatus `json:"status" doc:"How the set stands that they make up."`
		NextPageToken string       `json:"nextPageToken" doc:"Token of the next page; empty on the last."`
	}
}

type policyInput struct {
	Name        string `path:"name" doc:"The policy's name."`
	Accept      string `header:"Accept" doc:"application/yaml for the document as it was written."`
	IfNoneMatch string `header:"If-None-Match" doc:"ETags that need no answer: 304 when the policy still has one of them."`
}

// policyText is an answer of either type.
type policyText struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Body        []byte
}

type policyPut struct {
	Name        string `path:"name" doc:"The policy's name, which the document has to have, too."`
	ContentType string `header:"Content-Type" doc:"application/yaml or application/json."`
	IfMatch     string `header:"If-Match" doc:"ETag the policy must still have: 412 when it has changed."`
	IfNoneMatch string `header:"If-None-Match" doc:"* for a policy that must not be there yet."`
	DryRun      bool   `query:"dryRun" doc:"Say what would come of it, and write nothing."`
	By          string `query:"by" doc:"Who writes it, in their own words."`
	RawBody     []byte `contentType:"application/yaml"`
}

type policyWritten struct {
	Status int
	ETag   string `header:"ETag"`
	Body   struct {
		Policy    policyBody        `json:"policy" doc:"The policy as it is held then."`
		Created   bool              `json:"created" doc:"That there was none of the name."`
		Unchanged bool              `json:"unchanged" doc:"That it was there already, as it is."`
		DryRun    bool              `json:"dryRun,omitempty" doc:"That nothing was written."`
		InForce   bool              `json:"inForce" doc:"That it is in force, or would be. If not, others that are held are refused."`
		Epoch     string            `json:"epoch,omitempty" doc:"The name of the set with it."`
		Elsewhere []policyProblem   `json:"elsewhere,omitempty" doc:"Why others that are held are refused."`
		Flips     *policyComparison `json:"flips,omitempty" doc:"What it would have meant for the decisions that this process remembers; for dry runs."`
	}
}

type policyDelete struct {
	Name    string `path:"name" doc:"The policy's name."`
	IfMatch string `header:"If-Match" doc:"ETag the policy must still have: 412 when it has changed."`
}

// policyReview lets an administrator read, change and try policies.
type policyReview struct {
	book *rulebook.Book
	// recorded returns up to n decisions of this process, the latest first.
	recorded func(n int) []audit.Record
	// parties are those whose policies are judged here; none stands for all.
	parties policy.Parties
	now     func() time.Time
	logger  *slog.Logger
}

func (v policyReview) register(api huma.API) {
	const path = "/v1/policies/{name}"
	huma.Register(api, huma.Operation{
		OperationID: "list-policies", Method: http.MethodGet, Path: "/v1/policies", Summary: "List policies by name, and how their set stands",
		Errors: []int{401, 422},
	}, v.list)
	huma.Register(api, huma.Operation{
		OperationID: "get-policy", Method: http.MethodGet, Path: path, Summary: "Get a policy, as JSON or as it was written", Errors: []int{401, 404},
		Responses: map[string]*huma.Response{
			"200": {Description: "The policy.", Content: map[string]*huma.MediaType{
				jsonType: {Schema: huma.SchemaFromType(api.OpenAPI().Components.Schemas, typeOfPolicy)}, yamlType: {Schema: &huma.Schema{Type: "string"}},
			}},
			"304": {Description: "The policy still has one of the ETags."},
		},
	}, v.get)
	put := documentOperation(huma.Operation{
		OperationID: "put-policy", Method: http.MethodPut, Path: path, Summary: "Create or replace a policy that is not in a file; as a dry run, say what would come of it",
		Errors:    []int{400, 401, 404, 409, 412, 413, 415, 422, 503},
		Responses: map[string]*huma.Response{"201": {Description: "The policy was created."}},
	})
	huma.Register(api, put, v.put)
	describeDocument(put, true)
	huma.Register(api, huma.Operation{
		OperationID: "delete-policy", Method: http.MethodDelete, Path: path, Summary: "Delete a policy that is not in a file",
		Errors: []int{401, 404, 409, 412, 503},
	}, v.delete)
	v.registerTrials(api)
}

// documentOperation completes an operation whose body is read as policy documents, whatever its type says of it.
func documentOperation(o huma.Operation) huma.Operation {
	o.MaxBodyBytes, o.SkipValidateBody = 4*policy.MaxDocument, true
	o.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{}}
	return o
}

// describeDocument says what bodies a registered operation takes; registering it has said otherwise.
func describeDocument(o huma.Operation, required bool) {
	o.RequestBody.Required = required
	o.RequestBody.Content[yamlType] = &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	o.RequestBody.Content[jsonType] = &huma.MediaType{Schema: &huma.Schema{Type: "object", AdditionalProperties: true}}
}

func (v policyReview) list(_ context.Context, in *policiesInput) (*policiesOutput, error) {
	out := &policiesOutput{}
	out.Body.Status, out.Body.Policies = policyStatusOf(v.book.Status()), []policyBody{}
	entries := v.book.Entries()
	if in.InForce {
		entries = v.book.InForce()
	}
	for _, e := range entries {
		if e.Name <= in.PageToken && in.PageToken != "" {
			continue
		}
		// Two documents that dispute a name are on one page.
		if n := len(out.Body.Policies); n >= in.PageSize && out.Body.Policies[n-1].Name != e.Name {
			out.Body.NextPageToken = out.Body.Policies[n-1].Name
			break
		}
		out.Body.Policies = append(out.Body.Policies, policyBodyOf(e, in.InForce))
	}
	return out, nil
}

func (v policyReview) get(_ context.Context, in *policyInput) (*policyText, error) {
	e, ok := v.book.Entry(in.Name)
	if !ok {
		return nil, v.problem(rulebook.ErrNotFound)
	}
	tag := policyTag(e)
	if slices.ContainsFunc(tagsOf(in.IfNoneMatch), func(t string) bool { return t == "*" || strings.TrimPrefix(t, "W/") == tag }) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"Etag": {tag}})
	}
	if e.Document != nil && strings.Contains(in.Accept, "yaml") {
		return &policyText{ContentType: yamlType, ETag: tag, Body: e.Document.Source}, nil
	}
	body, err := json.Marshal(policyBodyOf(e, true))
	if err != nil {
		return nil, v.problem(err)
	}
	return &policyText{ContentType: jsonType, ETag: tag, Body: append(body, '\n')}, nil
}

// tagsOf returns the entity tags of a field.
func tagsOf(field string) (tags []string) {
	for tag := range strings.SplitSeq(field, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (v policyReview) put(ctx context.Context, in *policyPut) (*policyWritten, error) {
	if slices.Contains(reservedPolicies, in.Name) {
		return nil, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "path.name", Message: "is taken by a path of this API: name the policy otherwise"})
	}
	source, err := documentText(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	change := rulebook.Change{Name: in.Name, Source: source, By: in.By, DryRun: in.DryRun, Absent: in.IfNoneMatch != ""}
	if in.IfNoneMatch != "" && (in.IfNoneMatch != "*" || in.IfMatch != "") {
		return nil, huma.Error400BadRequest("If-None-Match says * where a policy must not be there yet, and nothing else")
	}
	if in.IfMatch != "" {
		if change.Revision, change.Present = v.expected(in.Name, in.IfMatch); !change.Present {
			return nil, preconditionFailed()
		}
	}
	before := v.book.Image()
	receipt, err := v.book.Put(ctx, change)
	if errors.Is(err, rulebook.ErrChanged) && (change.Absent || change.Present) {
		return nil, preconditionFailed()
	}
	if err != nil {
		return nil, v.problem(err)
	}
	out := &policyWritten{Status: http.StatusOK, ETag: policyTag(receipt.Entry)}
	out.Body.Policy, out.Body.Created, out.Body.Unchanged = policyBodyOf(receipt.Entry, false), receipt.Created, receipt.Unchanged
	out.Body.InForce, out.Body.Epoch = receipt.Set != nil, receipt.Set.Epoch()
	if len(receipt.Elsewhere) > 0 {
		out.Body.Elsewhere = problemsOf(receipt.Elsewhere)
	}
	switch {
	case in.DryRun && receipt.Set != nil:
		flips := comparisonOf(rulebook.Compare(slices.Values(v.recorded(comparedRecords)), before, receipt.Set, v.at(), shownFlips), false)
		out.Body.Flips, out.Body.DryRun = &flips, true
	case in.DryRun:
		out.Body.DryRun = true
	case receipt.Created:
		out.Status = http.StatusCreated
	}
	return out, nil
}

// reservedPolicies are names below /v1/policies at which something else is found.
var reservedPolicies = []string{"schema"}

// expected returns the revision that an If-Match field asks for, 0 for any, and false where it cannot be met (RFC 9110
// section 13.1.1). What is asked of a document in a file is for the book to refuse.
func (v policyReview) expected(name, field string) (uint64, bool) {
	e, ok := v.book.Entry(name)
	for _, tag := range tagsOf(field) {
		switch {
		case ok && tag == "*":
			return 0, true
		case ok && tag == policyTag(e):
			return e.Revision, true
		}
	}
	return 0, false
}

func preconditionFailed() error {
	return huma.Error412PreconditionFailed("the policy is not the one that was meant: get it again and decide anew")
}

// documentText returns the YAML of a body: JSON is YAML once it is written without the escapes that YAML lacks.
func documentText(contentType string, body []byte) ([]byte, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, named := parameters["charset"]
	switch {
	case err != nil || named && !strings.EqualFold(charset, "utf-8"):
	case slices.Contains([]string{yamlType, "application/x-yaml", "text/yaml"}, media):
		return slices.Clone(body), nil
	case media == jsonType:
		value, err := strictjson.Parse(body)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("the body is not one JSON document", &huma.ErrorDetail{Location: "body", Message: err.Error()})
		}
		text := jsontext.Value(slices.Clone(value))
		if err := text.Format(jsontext.Multiline(true), jsontext.WithIndent("  ")); err != nil {
			return nil, huma.Error422UnprocessableEntity("the body is not one JSON document", &huma.ErrorDetail{Location: "body", Message: "cannot be read"})
		}
		return append(text, '\n'), nil
	}
	return nil, huma.NewError(http.StatusUnsupportedMediaType, "send the document as application/yaml or application/json in UTF-8",
		&huma.ErrorDetail{Location: "header.Content-Type", Message: "must be application/yaml or application/json"})
}

func (v policyReview) delete(ctx context.Context, in *policyDelete) (*struct{}, error) {
	var revision uint64
	if in.IfMatch != "" {
		var ok bool
		if revision, ok = v.expected(in.Name, in.IfMatch); !ok {
			return nil, preconditionFailed()
		}
	}
	err := v.book.Delete(ctx, in.Name, revision)
	if errors.Is(err, rulebook.ErrChanged) && in.IfMatch != "" {
		return nil, preconditionFailed()
	}
	if err != nil {
		return nil, v.problem(err)
	}
	return nil, nil
}

func (v policyReview) at() policy.Parties {
	if v.parties == 0 {
		return policy.AllParties
	}
	return v.parties
}

func (v policyReview) problem(err error) error {
	var refused *rulebook.Refused
	if errors.As(err, &refused) {
		return refusedPolicies("the policy is refused", refused.Problems)
	}
	if fields := agent.FieldErrors(err); len(fields) > 0 {
		return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "query." + fields[0].Path, Message: fields[0].Problem})
	}
	switch {
	case errors.Is(err, rulebook.ErrNotFound):
		return huma.Error404NotFound("there is no policy of this name")
	case errors.Is(err, rulebook.ErrInFile):
		return huma.Error409Conflict("the policy is in a file of the policy directory, and changes there alone")
	case errors.Is(err, rulebook.ErrChanged):
		return huma.Error409Conflict("somebody else changed the policy at the same moment: get it again and decide anew")
	case errors.Is(err, store.ErrUnavailable):
		v.logger.Error("a request about a policy failed", slog.Any("error", err))
		return huma.Error503ServiceUnavailable("policies cannot be read or written now; get the policy before you repeat a write")
	}
	v.logger.Error("a request about a policy failed", slog.Any("error", err))
	return huma.Error500InternalServerError("the request could not be served; the log says why")
}
