package trustbridge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of a question to the mesh.
const (
	maxAnswer      = 1 << 20
	defaultTimeout = 10 * time.Second
)

// Client asks the mesh about agents. It is safe for concurrent use.
type Client struct {
	// URL is where the mesh's API is, such as http://127.0.0.1:7000.
	URL string
	// Token is the administrator's; empty has Identity sign instead.
	Token string
	// Identity is the agent that asks.
	Identity *Identity
	// HTTP sends; nil means a client that gives up after ten seconds. Redirects are never followed.
	HTTP *http.Client
}

// Question is what an agent requires of a peer before it talks to it.
type Question struct {
	// DID is the peer's: any DID of its keys.
	DID string `json:"did"`
	// Score is the lowest trust score, 0 to 1000.
	Score int `json:"requiredScore,omitempty"`
	// Capabilities are what the peer must be allowed to ask of others, as verb:resource.
	Capabilities []string `json:"requiredCapabilities,omitempty"`
	// Ring is the least privileged ring, 0 (kernel) to 3 (untrusted); nil asks for none.
	Ring *int `json:"requiredRing,omitempty"`
}

// Answer says whether a peer is what was required. The zero value says that it is not.
type Answer struct {
	// Verified reports that the peer is registered and active and meets every requirement.
	Verified bool `json:"verified"`
	// Agent is the peer's name in the mesh; empty when no registered agent holds the DID.
	Agent string `json:"agent"`
	// DID is the one that was asked about.
	DID string `json:"did"`
	// Score, Ring and Status are the peer's at the moment.
	Score  int    `json:"score"`
	Ring   int    `json:"ring"`
	Status string `json:"status"`
	// Reasons are the requirements that are not met.
	Reasons []Reason `json:"reasons"`
}

// Reason is one requirement that is not met.
type Reason struct {
	// Factor is agent, status, score, ring or capability.
	Factor string `json:"factor"`
	// Have is what the peer has, and Need what was required.
	Have string `json:"have"`
	Need string `json:"need"`
}

// String returns such as "score is 250, and 500 is required".
func (r Reason) String() string {
	return fmt.Sprintf("%s is %s, and %s is required", r.Factor, r.Have, r.Need)
}

// Standing is an agent's trust at the moment.
type Standing struct {
	// Score is the trust score, 0 to 1000, and Ring the ring, 0 (kernel) to 3 (untrusted).
	Score, Ring int
	// Quarantined reports that the agent takes no part until a person clears it, whatever its score.
	Quarantined bool
	// Raw is the whole answer, with the evidence that the score rests on.
	Raw json.RawMessage
}

// Problem is the error of a question that the mesh refused to answer (RFC 9457).
type Problem struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Title and Detail say what is wrong.
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// Error returns the status with the detail.
func (p *Problem) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("the mesh answered %d: %s", p.Status, cmp.Or(p.Detail, p.Title)), ": ")
}

// Verify asks whether a peer is what is required. Talk to it only where the answer is Verified.
func (c *Client) Verify(ctx context.Context, q Question) (Answer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Answer{}, fmt.Errorf("asking about an agent: %w", err)
	}
	data, err := c.ask(ctx, http.MethodPost, "/v1/verify", body)
	if err != nil {
		return Answer{}, fmt.Errorf("asking about an agent: %w", err)
	}
	var answer Answer
	if err := json.Unmarshal(data, &answer); err != nil {
		return Answer{}, fmt.Errorf("asking about an agent: reading the answer: %w", err)
	}
	if answer.DID != q.DID || answer.Verified && (answer.Agent == "" || len(answer.Reasons) > 0) {
		return Answer{}, errors.New("asking about an agent: the answer contradicts itself, or is about another")
	}
	return answer, nil
}

// Trust asks for the trust of the agent with a name.
func (c *Client) Trust(ctx context.Context, name string) (Standing, error) {
	data, err := c.ask(ctx, http.MethodGet, "/v1/agents/"+url.PathEscape(name)+"/trust", nil)
	if err != nil {
		return Standing{}, fmt.Errorf("asking for the trust of an agent: %w", err)
	}
	var answer struct {
		Score       *int `json:"score"`
		Ring        *int `json:"ring"`
		Quarantined bool `json:"quarantined"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return Standing{}, fmt.Errorf("asking for the trust of an agent: reading the answer: %w", err)
	}
	if answer.Score == nil || answer.Ring == nil {
		return Standing{}, errors.New("asking for the trust of an agent: the answer has no score or no ring")
	}
	return Standing{Score: *answer.Score, Ring: *answer.Ring, Quarantined: answer.Quarantined, Raw: data}, nil
}

// ask sends one question and returns the body of its answer.
func (c *Client) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("the answer exceeds %d bytes", maxAnswer)
	case response.StatusCode != http.StatusOK:
		problem := &Problem{}
		if json.Unmarshal(data, problem) != nil {
			problem = &Problem{}
		}
		problem.Status = response.StatusCode
		return nil, problem
	}
	return data, nil
}

// http returns a client that proves who asks. It follows no redirect, since the proof is not for another place.
func (c *Client) http() *http.Client {
	client := http.Client{Timeout: defaultTimeout}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.Token != "" {
		client.Transport = bearer{c.Token, client.Transport}
	} else {
		client.Transport = &Transport{Identity: c.Identity, Base: client.Transport}
	}
	return &client
}

// bearer adds the administrator's token.
type bearer struct {
	token string
	base  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	outgoing := r.Clone(r.Context())
	outgoing.Header.Set("Authorization", "Bearer "+b.token)
	if b.base == nil {
		return http.DefaultTransport.RoundTrip(outgoing)
	}
	return b.base.RoundTrip(outgoing)
}
