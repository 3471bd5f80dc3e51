package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestCards(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("weather", ""))
	cards := f.server.Cards()
	get := func(method, path, host, noneMatch string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		r.Host = host
		if noneMatch != "" {
			r.Header.Set("If-None-Match", noneMatch)
		}
		recorder := httptest.NewRecorder()
		cards.ServeHTTP(recorder, r)
		return recorder.Result()
	}
	tests := []struct {
		name, path, host, url string
	}{
		{"by-path", "/cards/path/weather", "gateway", "https://mesh.test/agents/weather"},
		{"by-host", "/cards/host/weather/agent-card.json", "weather.mesh.test", "https://weather.mesh.test"},
		{"by-host-and-port", "/cards/host/weather/agent-card.json", "Weather.mesh.test:8443", "https://weather.mesh.test:8443"},
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
			same(t, "card", want, content(t, answer))
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
		"404 unknown":        get("GET", "/cards/path/other", "a", ""),
		"404 malformed-name": get("GET", "/cards/path/Weather", "a", ""),
		"404 no-name":        get("GET", "/cards/path/", "a", ""),
		"404 elsewhere":      get("GET", "/v1/agents", "a", ""),
		"404 other-file":     get("GET", "/cards/host/weather/openid-configuration", "a", ""),
		"404 no-file":        get("GET", "/cards/host/weather", "a", ""),
		"405 posting":        get("POST", "/cards/path/weather", "a", ""),
		"400 no-host":        get("GET", "/cards/host/weather/agent-card.json", "", ""),
		"400 bad-host":       get("GET", "/cards/host/weather/agent-card.json", "a/b", ""),
		"400 user-in-host":   get("GET", "/cards/host/weather/agent-card.json", "u@a", ""),
	}
	for name, answer := range refused {
		status, _, _ := strings.Cut(name, " ")
		same(t, name, []string{status}, refusals(t, answer))
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
