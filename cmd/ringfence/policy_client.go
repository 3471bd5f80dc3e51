package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

// maxAnswer bounds what is read of an answer, in bytes: a page of policies with their texts.
const maxAnswer = 256 << 20

func policyPath(name string) string { return "/v1/policies/" + url.PathEscape(name) }

// apiRequest is one whose body is no JSON, or whose header fields matter.
type apiRequest struct {
	method, path string
	header       http.Header
	body         []byte
}

type apiAnswer struct {
	status int
	header http.Header
	body   []byte
}

// apiRefusal is the error of a request that was refused.
type apiRefusal struct {
	status  int
	problem problem
	text    error
}

func (r *apiRefusal) Error() string { return r.text.Error() }

// exchange sends a request. One that is refused is an *apiRefusal.
func (c client) exchange(ctx context.Context, r apiRequest) (apiAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return apiAnswer{}, fmt.Errorf("building request: %w", err)
	}
	if r.header != nil {
		request.Header = r.header.Clone()
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return apiAnswer{}, fmt.Errorf("reaching the API at %s (is the mesh up? --api names another address): %w", c.base, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return apiAnswer{}, fmt.Errorf("reading the API's answer: %w", err)
	}
	if response.StatusCode >= 300 {
		refused := &apiRefusal{status: response.StatusCode, text: refusal(response.StatusCode, data)}
		_ = json.Unmarshal(data, &refused.problem) // what is no problem document has no details
		return apiAnswer{}, refused
	}
	return apiAnswer{response.StatusCode, response.Header, data}, nil
}

// decoded is exchange for answers in JSON.
func (c client) decoded(ctx context.Context, r apiRequest, out any) error {
	answer, err := c.exchange(ctx, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer.body, out); err != nil {
		return fmt.Errorf("decoding the API's answer: %w", err)
	}
	return nil
}

// fetchPolicies returns all that a mesh holds or, with their texts, all that are in force.
func fetchPolicies(ctx context.Context, c client, inForce bool) (policyListing, error) {
	listing := policyListing{Policies: []policyBody{}}
	for token := ""; ; {
		var page struct {
			policyListing
			NextPageToken string `json:"nextPageToken"`
		}
		query := url.Values{"pageSize": {"500"}, "pageToken": {token}}
		if inForce {
			query.Set("inForce", "true")
		}
		if err := c.decoded(ctx, apiRequest{method: http.MethodGet, path: "/v1/policies?" + query.Encode()}, &page); err != nil {
			return policyListing{}, err
		}
		listing.Policies, listing.Status = append(listing.Policies, page.Policies...), page.Status
		if token = page.NextPageToken; token == "" {
			return listing, nil
		}
	}
}

// fetchInForce returns the documents that are in force in a mesh.
func fetchInForce(ctx context.Context, c client) ([]*policy.Document, error) {
	listing, err := fetchPolicies(ctx, c, true)
	if err != nil {
		return nil, err
	}
	if !listing.Status.Live {
		return nil, fmt.Errorf("the mesh has no policies in force, and denies every call: ringfence policy list says why")
	}
	var documents []*policy.Document
	for _, p := range listing.Policies {
		parsed, problems := policy.Parse(first(p.File, "policies/"+p.Name), []byte(p.Text))
		if len(problems) > 0 {
			return nil, fmt.Errorf("reading the policy %s of the mesh: %s", p.Name, problemsOf(problems)[0])
		}
		documents = append(documents, parsed...)
	}
	return documents, nil
}

// fetchAgents returns the agents that are registered in a mesh.
func fetchAgents(ctx context.Context, c client) (rulebook.NamedAgents, error) {
	agents := rulebook.NamedAgents{}
	for token := ""; ; {
		var page struct {
			Agents []struct {
				Name  agent.ID    `json:"name"`
				Owner agent.Owner `json:"owner"`
			} `json:"agents"`
			NextPageToken string `json:"nextPageToken"`
		}
		query := url.Values{"pageSize": {"500"}, "pageToken": {token}}
		if err := c.decoded(ctx, apiRequest{method: http.MethodGet, path: "/v1/agents?" + query.Encode()}, &page); err != nil {
			return nil, err
		}
		for _, a := range page.Agents {
			agents[a.Name] = a.Owner
		}
		if token = page.NextPageToken; token == "" {
			return agents, nil
		}
	}
}
