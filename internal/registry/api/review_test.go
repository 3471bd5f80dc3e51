package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// review is what the tests read of an answer about a card.
type review struct {
	Outcome  string
	Digest   string
	Document json.RawMessage
	Update   *agent.CardUpdate
	Pending  *struct {
		Digest       string
		Changes      []string
		Document     json.RawMessage
		Verification struct{ Status string }
	}
}

func reviewed(t *testing.T, answer *http.Response) review {
	t.Helper()
	body := content(t, answer)
	var got struct {
		review
		Card *review
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v\n%s", answer.StatusCode, err, body)
	}
	if got.Card != nil {
		got.Card.Outcome = got.Outcome
		return *got.Card
	}
	return got.review
}

// changing registers an agent by URL whose card is then the given one.
func changing(t *testing.T, f *fixture, name string) (serve func(string)) {
	t.Helper()
	f.register(t, `{"name":"`+name+`","cardUrl":"http://cards.test/weather"}`)
	return func(card string) { f.served.Store(&card) }
}

var moved = strings.Replace(card, ":9001", ":9009", 1)

func TestReviewOfAChangedCard(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	serve := changing(t, f, "weather")
	before := reviewed(t, f.do(t, request{method: "GET", path: "/v1/agents/weather/card"}))
	same(t, "document", card, string(before.Document))
	same(t, "unchanged", "unchanged", reviewed(t, f.do(t, request{method: "POST", path: "/v1/agents/weather/card:refresh"})).Outcome)
	serve(moved)
	held := reviewed(t, f.do(t, request{method: "POST", path: "/v1/agents/weather/card:refresh"}))
	same(t, "outcome", "held", held.Outcome)
	same(t, "in force", before.Digest, held.Digest)
	same(t, "waiting", moved, string(held.Pending.Document))
	same(t, "changes", []string{"interfaces"}, held.Pending.Changes)
	same(t, "verification", "unsigned", held.Pending.Verification.Status)
	listed := content(t, f.do(t, request{method: "GET", path: "/v1/agents"}))
	if !strings.Contains(listed, `"pendingCard":{"digest":"`+held.Pending.Digest+`","changes":["interfaces"],`) || strings.Contains(listed, ":9009") {
		t.Errorf("listed as %s", listed)
	}
	decide := func(word, digest string) *http.Response {
		return f.do(t, request{method: "POST", path: "/v1/agents/weather/card:" + word, body: fmt.Sprintf(`{"digest":%q}`, digest)})
	}
	same(t, "other digest", http.StatusConflict, decide("approve", before.Digest).StatusCode)
	same(t, "no digest", http.StatusUnprocessableEntity, decide("approve", "latest").StatusCode)
	approved := reviewed(t, decide("approve", held.Pending.Digest))
	same(t, "approved", moved, string(approved.Document))
	same(t, "digest", held.Pending.Digest, approved.Digest)
	if approved.Pending != nil || approved.Update == nil || !approved.Update.Approved {
		t.Errorf("%+v", approved)
	}
	same(t, "twice", http.StatusConflict, decide("approve", held.Pending.Digest).StatusCode)
	serve(card)
	held = reviewed(t, f.do(t, request{method: "POST", path: "/v1/agents/weather/card:refresh"}))
	rejected := reviewed(t, decide("reject", held.Pending.Digest))
	same(t, "rejected", moved, string(rejected.Document))
	same(t, "asked again", "rejected", reviewed(t, f.do(t, request{method: "POST", path: "/v1/agents/weather/card:refresh"})).Outcome)
}

func TestReviewRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("inline", ""))
	digest := `{"digest":"sha256:` + strings.Repeat("0", 64) + `"}`
	tests := []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
	}{
		{"show-nobody", "GET", "/v1/agents/nobody/card", "", nil, 404},
		{"refresh-nobody", "POST", "/v1/agents/nobody/card:refresh", "", nil, 404},
		{"refresh-inline", "POST", "/v1/agents/inline/card:refresh", "", nil, 409},
		{"approve-nobody", "POST", "/v1/agents/nobody/card:approve", digest, nil, 404},
		{"approve-no-name", "POST", "/v1/agents/No_Name/card:approve", digest, nil, 404},
		{"approve-nothing", "POST", "/v1/agents/inline/card:approve", digest, nil, 409},
		{"approve-more", "POST", "/v1/agents/inline/card:approve", strings.Replace(digest, "{", `{"x":1,`, 1), nil, 422},
		{"approve-form", "POST", "/v1/agents/inline/card:approve", digest, map[string]string{"Content-Type": "text/plain"}, 415},
		{"reject-nothing", "POST", "/v1/agents/inline/card:reject", digest, nil, 409},
		{"no-such-word", "POST", "/v1/agents/inline/card:forget", digest, nil, 404},
		{"no-token", "POST", "/v1/agents/inline/card:approve", digest, map[string]string{"Authorization": ""}, 401},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := f.do(t, request{method: test.method, path: test.path, body: test.body, header: test.header})
			same(t, "status", test.status, answer.StatusCode)
			refusals(t, answer)
		})
	}
}

func TestKeySetNeedsNoToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	answer := f.do(t, request{method: "GET", path: agent.KeySetPath, header: map[string]string{"Authorization": ""}})
	same(t, "status", http.StatusOK, answer.StatusCode)
	if set := content(t, answer); !strings.Contains(set, `"kty":"OKP"`) || strings.Contains(set, `"d":`) {
		t.Errorf("key set %s", set)
	}
}

func TestRegisterRefusesCardKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	answer := f.do(t, request{method: "POST", path: "/v1/agents", body: body("a", `,"cardKeys":["did:key:x",7,{"kty":"oct","k":"AA","kid":"a"}]`)})
	same(t, "refusals", []string{
		"422",
		"body.cardKeys[0]: must be a base58btc multibase value, which begins with z",
		"body.cardKeys[1]: must be a did:key or a JWK",
		"body.cardKeys[2]: must be a public key alone: this JWK has secret members",
	}, refusals(t, answer))
	answer = f.do(t, request{method: "POST", path: "/v1/agents", body: body("a", `,"cardKeys":{}`)})
	same(t, "refusals", []string{"422", "body.cardKeys: must be an array"}, refusals(t, answer))
}
