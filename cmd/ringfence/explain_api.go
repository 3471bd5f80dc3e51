package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
)

// explainBody describes a request.
type explainBody struct {
	Caller  agent.ID          `json:"caller,omitempty" doc:"The agent that is taken to make the request. Without it, the evidence in headers is judged; its nonce stays unused."`
	Callee  agent.ID          `json:"callee" doc:"The agent that is called."`
	Method  string            `json:"method,omitempty" doc:"The HTTP method; POST with a body, else GET."`
	Path    string            `json:"path,omitempty" doc:"The path on the gateway with the query; without it, that of the callee's first JSON-RPC interface."`
	Host    string            `json:"host,omitempty" doc:"The Host field that a signature covers; the gateway's own without it."`
	Headers map[string]string `json:"headers,omitempty" doc:"Further header fields."`
	Peer    string            `json:"peer,omitempty" doc:"The SPIFFE ID of the connection."`
	Body    string            `json:"body,omitempty" doc:"The body as it is sent."`
}

type explainInput struct{ Body explainBody }

// explainedFactor is what one factor comes to.
type explainedFactor struct {
	Factor  string `json:"factor" doc:"The stage of the pipeline."`
	Value   string `json:"value" doc:"What it saw, or why it was not judged."`
	Verdict string `json:"verdict" doc:"allow, approve or deny; empty when it was not judged."`
	Party   string `json:"party,omitempty" doc:"Whose boundary it guards."`
	Reason  string `json:"reason,omitempty" doc:"Why, as decision records have it."`
	Message string `json:"message,omitempty" doc:"What the caller would be told."`
	Witness bool   `json:"witness,omitempty" doc:"That this factor decides."`
}

type explained struct {
	Decision  string            `json:"decision" doc:"allow, approve or deny."`
	Factor    string            `json:"factor,omitempty" doc:"The factor that decides."`
	Reason    string            `json:"reason,omitempty" doc:"Why."`
	Revision  uint64            `json:"revision" doc:"The revision of the registry."`
	Ring      agent.Ring        `json:"ring" doc:"The ring in which the caller acts."`
	Trust     agent.Trust       `json:"trust" doc:"The score with which it acts."`
	Authority *audit.Authority  `json:"authority,omitempty" doc:"The effective authority with its witness."`
	Factors   []explainedFactor `json:"factors" doc:"Every factor, in the order of the pipeline."`
}

type explainOutput struct{ Body explained }

// explanation answers how a described request would be decided.
type explanation struct {
	governor *governance.Governor
	gateway  func() string
}

func (e explanation) register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "explain", Method: http.MethodPost, Path: "/v1/explain",
		Summary: "Run a described request through the pipeline, without a trace of it, and show what each factor comes to",
		Errors:  []int{401, 422},
	}, e.explain)
}

func (e explanation) explain(ctx context.Context, in *explainInput) (*explainOutput, error) {
	found := e.governor.Explain(ctx, governance.Question{Caller: in.Body.Caller, Request: in.Body.request(e.gateway())})
	x := found.Exchange
	record := x.Record("", x.Time)
	out := explained{
		Decision: record.Decision, Factor: record.Factor, Reason: record.Reason, Revision: record.Revision,
		Ring: record.Ring, Trust: record.Trust, Authority: record.Authority,
	}
	for _, f := range found.Findings {
		factor := explainedFactor{Factor: f.Factor, Value: f.Value, Witness: f.Witness}
		if f.Judged {
			factor.Verdict, factor.Reason, factor.Message = f.Verdict.Decision.String(), f.Verdict.Reason, f.Verdict.Message
			factor.Party = string(f.Verdict.Party)
		}
		out.Factors = append(out.Factors, factor)
	}
	return &explainOutput{Body: out}, nil
}

func (b explainBody) request(gateway string) governance.Request {
	scheme, authority, _ := strings.Cut(gateway, "://")
	r := governance.Request{
		Method: b.Method, Scheme: scheme, Authority: authority, Path: b.Path, Peer: b.Peer,
		Form: governance.PathForm, Body: []byte(b.Body), Complete: true,
	}
	if b.Host != "" {
		r.Authority = b.Host
	}
	if r.Method == "" {
		r.Method = http.MethodGet
		if b.Body != "" {
			r.Method = http.MethodPost
		}
	}
	if r.Path == "" {
		r.Path = agent.MeshPrefix + string(b.Callee)
	}
	names := make([]string, 0, len(b.Headers))
	for name := range b.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r.Header = append(r.Header, identity.Field{Name: strings.ToLower(name), Value: b.Headers[name]})
	}
	return r
}
