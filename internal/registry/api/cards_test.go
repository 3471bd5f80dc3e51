package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

func TestCards(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("weather", ""))
	handler := f.server.Cards()
	get := func(method, path, host, noneMatch string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		r.Host = host
		if noneMatch != "" {
			r.Header.Set("If-None-Match", noneMatch)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		return recorder.Result()
	}
	tests := []struct {
		name, path, host, url string
	}{
		{"by-path", "/cards/path/weather", "gateway", "https://mesh.test/agents/weather"},
		{"by-host", "/cards/host/weather/agent-card.json", "weather.mesh.test", "https://weather.mesh.test"},
		{"by-host-and-port", "/cards/host/weather/agent-card.json", "Weather.mesh.test:8443", "https://weather.mesh.test:8443"},
		{"by-root", "/cards/root/weather/agent-card.json", "gateway", "https://mesh.test"},
		{"by-root-old-name", "/cards/root/weather/agent.json", "gateway", "https://mesh.test"},
		{"by-address", "/cards/host/weather/agent-card.json", "[::1]:80", "https://[::1]:80"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := get("GET", test.path, test.host, "")
			same(t, "status", http.StatusOK, answer.StatusCode)
			same(t, "content type", "application/json", answer.Header.Get("Content-Type"))
			same(t, "caching", "max-age=60", answer.Header.Get("Cache-Control"))
			same(t, "age", "Wed, 04 Mar 2026 05:06:07 GMT", answer.Header.Get("Last-Modified"))
			want := strings.Replace(card, "http://127.0.0.1:9001/a2a", test.url, 1)
			served := content(t, answer)
			said, _, _ := strings.Cut(served, `,"signatures":`)
			same(t, "card", want, said+"}")
			set := get("GET", agent.KeySetPath, "gateway", "")
			same(t, "type of key set", "application/jwk-set+json", set.Header.Get("Content-Type"))
			verifyCard(t, served, content(t, set))
			same(t, "key set beside the card", http.StatusOK, get("GET", "/cards/host/weather/jwks.json", "weather.mesh.test", "").StatusCode)
			again := get("GET", test.path, test.host, answer.Header.Get("ETag"))
			same(t, "again", http.StatusNotModified, again.StatusCode)
			same(t, "again", "", content(t, again))
		})
	}
	path, host := get("GET", "/cards/path/weather", "a", ""), get("GET", "/cards/host/weather/agent-card.json", "a", "")
	if path.Header.Get("ETag") == host.Header.Get("ETag") {
		t.Error("different cards have one ETag")
	}
	refused := map[string]*http.Response{
		"404 unknown":         get("GET", "/cards/path/other", "a", ""),
		"404 malformed-name":  get("GET", "/cards/path/Weather", "a", ""),
		"404 no-name":         get("GET", "/cards/path/", "a", ""),
		"404 elsewhere":       get("GET", "/v1/agents", "a", ""),
		"404 other-file":      get("GET", "/cards/host/weather/openid-configuration", "a", ""),
		"404 no-file":         get("GET", "/cards/host/weather", "a", ""),
		"404 other-root-file": get("GET", "/cards/root/weather/x", "a", ""),
		"405 posting":         get("POST", "/cards/path/weather", "a", ""),
		"400 no-host":         get("GET", "/cards/host/weather/agent-card.json", "", ""),
		"400 bad-host":        get("GET", "/cards/host/weather/agent-card.json", "a/b", ""),
		"400 user-in-host":    get("GET", "/cards/host/weather/agent-card.json", "u@a", ""),
	}
	for name, answer := range refused {
		status, _, _ := strings.Cut(name, " ")
		same(t, name, []string{status}, refusals(t, answer))
	}
}

// verifyCard fails the test unless a signature by a key of the set covers the card.
func verifyCard(t *testing.T, card, set string) {
	t.Helper()
	keys, err := cards.ParseKeySet([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	v := cards.NewVerifier(cards.VerifierConfig{Trusted: keys, Algorithms: []string{"EdDSA"}}).Verify([]byte(card), cards.Keys{}, fixedNow())
	if !v.Verified() {
		t.Errorf("%+v\n%s", v, card)
	}
}

// TestCardsOfferGRPC holds what a gRPC client, who knows no paths, is told in each form.
func TestCardsOfferGRPC(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grpc := strings.Replace(card, `[{"url"`, `[{"url":"127.0.0.1:9002","protocolBinding":"GRPC","protocolVersion":"1.0"},{"url"`, 1)
	f.register(t, `{"name":"weather","card":`+grpc+`}`)
	for path, want := range map[string]string{
		"/cards/path/weather":                 "weather.mesh.test:443",
		"/cards/root/weather/agent-card.json": "mesh.test:443",
		"/cards/host/weather/agent-card.json": "weather.example:8443",
	} {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "weather.example:8443"
		recorder := httptest.NewRecorder()
		f.server.Cards().ServeHTTP(recorder, r)
		if !strings.Contains(recorder.Body.String(), `{"url":"`+want+`","protocolBinding":"GRPC"`) {
			t.Errorf("%s offers no gRPC at %s: %s", path, want, recorder.Body)
		}
	}
}

// TestCardsVerbatim holds that a card which leads to the agent's own host already is left alone there, and nowhere
// else.
func TestCardsVerbatim(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	own := strings.Replace(card, "http://127.0.0.1:9001/a2a", "https://weather.mesh.test", 1)
	own = strings.TrimSuffix(own, "}") + `,"signatures":[{"protected":"e30","signature":"AA"}]}`
	f.register(t, `{"name":"weather","card":`+own+`}`)
	get := func(path, host string) string {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		recorder := httptest.NewRecorder()
		f.server.Cards().ServeHTTP(recorder, r)
		return recorder.Body.String()
	}
	same(t, "own host", own, get("/cards/host/weather/agent-card.json", "weather.mesh.test"))
	for name, got := range map[string]string{
		"other host": get("/cards/host/weather/agent-card.json", "weather.mesh.test:8443"),
		"path":       get("/cards/path/weather", "weather.mesh.test"),
		"root":       get("/cards/root/weather/agent-card.json", "weather.mesh.test"),
	} {
		if strings.Contains(got, `"protected":"e30"`) || !strings.Contains(got, `"signatures":[{`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestCardsOfSuspendedAgentsAreNotServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("a", ""))
	record, err := f.registry.Get("a")
	if err != nil {
		t.Fatal(err)
	}
	suspended := *record
	suspended.Status = agent.Quarantined
	encoded, err := suspended.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.bucket.Put(t.Context(), "a", encoded); err != nil {
		t.Fatal(err)
	}
	f.register(t, body("barrier", "")) // its acknowledgement says that the write before it is visible
	recorder := httptest.NewRecorder()
	f.server.Cards().ServeHTTP(recorder, httptest.NewRequest("GET", "/cards/path/a", nil))
	same(t, "status", http.StatusNotFound, recorder.Code)
	answer := content(t, f.do(t, request{method: "PUT", path: "/v1/agents/a", body: body("a", "")}))
	if !strings.Contains(answer, `"status":"quarantined"`) {
		t.Errorf("replacing a suspended agent freed it: %s", answer)
	}
}
