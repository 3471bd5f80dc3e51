package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// brochure returns a card whose only skill has a description and an example.
func brochure(about, example string) string {
	return fmt.Sprintf(`{"name":"Sample","description":"d","version":"1","capabilities":{},"defaultInputModes":["text/plain"],
"defaultOutputModes":["text/plain"],"skills":[{"id":"s","name":"S","description":%s,"tags":["t"],"examples":[%s]}],
"supportedInterfaces":[{"url":"http://127.0.0.1:1/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`, quoted(about), quoted(example))
}

// problem is one of the API.
type problem struct {
	Title, Detail string
	Errors        []struct{ Message, Location string }
}

func enroll(t *testing.T, m *mesh, name string, card any) (int, problem, string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": name, "card": card})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := m.api(t, http.MethodPost, "/v1/agents", string(body))
	var p problem
	if status != http.StatusCreated {
		if err := json.Unmarshal([]byte(answer), &p); err != nil {
			t.Fatal(err)
		}
	}
	return status, p, answer
}

// TestContentOfCards registers agents whose cards talk to the models that read them.
func TestContentOfCards(t *testing.T) {
	t.Parallel()
	const nice, example = "Tells what the weather will be like.", "Will it rain?"
	for mode, refuses := range map[string]bool{"enforce": true, "flag": false, "off": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m := upWith(t, "up", "", "content: {cards: "+mode+"}\n")
			for name, c := range map[string]struct{ about, example, place, class string }{
				"nice":        {about: nice, example: example},
				"description": {about: nice + " " + attacking, example: example, place: "/skills/0/description", class: "prompt-injection"},
				"example":     {about: nice, example: attacking, place: "/skills/0/examples/0", class: "prompt-injection"},
				"secret":      {about: nice, example: "log in with " + secret, place: "/skills/0/examples/0", class: "secret"},
			} {
				status, p, answer := enroll(t, m, name, json.RawMessage(brochure(c.about, c.example)))
				if !refuses || c.place == "" {
					if status != http.StatusCreated {
						t.Errorf("%s: %d %s", name, status, answer)
					}
					continue
				}
				if status != http.StatusUnprocessableEntity || !strings.Contains(answer, c.class+" at "+c.place+" by rule ") || len(p.Errors) != 1 || strings.Contains(answer, secret) || strings.Contains(answer, "gnore all") {
					t.Errorf("%s: %d %s", name, status, answer)
				}
				if code, _ := m.api(t, http.MethodGet, "/v1/agents/"+name, ""); code != http.StatusNotFound {
					t.Errorf("%s: the refused agent is there: %d", name, code)
				}
			}
			if mode == "flag" {
				m.counts(t, `ringfence_content_findings_total{action="flag",class="secret",direction="card",rule="secret-aws-key"}`, 1)
				if log := m.output.String(); !strings.Contains(log, "a card holds content that rules flag") || !strings.Contains(log, "place=/skills/0/description") || strings.Contains(log, secret) {
					t.Errorf("the log says %s", log)
				}
			}
			if mode == "off" {
				_, metrics, err := m.tryAPI(http.MethodGet, "/metrics", "")
				if err != nil || strings.Contains(metrics, `direction="card"`) {
					t.Errorf("cards are looked at: %v", err)
				}
			}
		})
	}
}

// TestContentOfChangedCards serves a card that turns into another one.
func TestContentOfChangedCards(t *testing.T) {
	t.Parallel()
	var served atomic.Pointer[string]
	serve := func(about string) {
		card := brochure(about, "Will it rain?")
		served.Store(&card)
	}
	serve("Tells the weather.")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, *served.Load())
	}))
	t.Cleanup(server.Close)
	m := upWith(t, "up", "", "cards: {refresh: 10s, changes: {skills: accept}}\n")
	m.register(t, map[string]any{"name": "weather", "cardUrl": server.URL})
	refresh := func(fails bool) string {
		return ringfence(t, fails, "cards", "refresh", "weather", "--ready-file", filepath.Join(m.dir, "ready.json"))
	}
	shows := func(about string) func() error {
		return func() error {
			status, answer, err := get(m.ready.GatewayURL + "/agents/weather/.well-known/agent-card.json")
			if err == nil && (status != http.StatusOK || !strings.Contains(answer, about)) {
				err = fmt.Errorf("%d %s", status, answer)
			}
			return err
		}
	}
	eventually(t, "the card is served", shows("Tells the weather."))
	serve("Tells the weather of tomorrow.")
	refresh(false)
	eventually(t, "a harmless change is taken", shows("Tells the weather of tomorrow."))

	serve("Tells the weather. " + attacking)
	const why = "prompt-injection at /skills/0/description by rule "
	if out := refresh(true); !strings.Contains(out, why) || strings.Contains(out, "gnore all") {
		t.Errorf("cards refresh says %s", out)
	}
	eventually(t, "the hostile card is refused when the mesh itself fetches it", func() error {
		if log := m.output.String(); !strings.Contains(log, "refreshing a card failed") || !strings.Contains(log, why) || strings.Contains(log, "gnore all") {
			return fmt.Errorf("the log says %s", log)
		}
		return nil
	})
	if err := shows("Tells the weather of tomorrow.")(); err != nil {
		t.Errorf("the card in force has not stayed: %v", err)
	}
	if out := ringfence(t, false, "cards", "show", "weather", "--ready-file", filepath.Join(m.dir, "ready.json")); strings.Contains(out, "gnore all") || !strings.Contains(out, "of tomorrow") {
		t.Errorf("cards show says %s", out)
	}
	if _, metrics, err := m.tryAPI(http.MethodGet, "/metrics", ""); err != nil || !strings.Contains(metrics, `ringfence_card_refreshes_total{outcome="refused"}`) {
		t.Errorf("the refusal is not counted: %v", err)
	}
	serve("Tells the weather of yesterday.")
	refresh(false)
	eventually(t, "the card that is harmless again is taken", shows("Tells the weather of yesterday."))
}
