package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rule is a rule file with one rule that blocks a word.
func rule(id, class, word string) string {
	return fmt.Sprintf(`rules:
  - id: %s
    class: %s
    severity: high
    action: block
    any: [%s]
    tests:
      hits: ["say %s now"]
      misses: ["say nothing"]
`, id, class, word, word)
}

func saying(words string) string {
	return rpc("SendMessage", fmt.Sprintf(`{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":%q}]}}`, words))
}

// TestContentRulesByDirectory changes rule files while calls go on.
func TestContentRulesByDirectory(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	settings := generous + "trust: {weight: 1000, badFactor: 1}\n" + fmt.Sprintf("content: {rulesDir: %q}\n", s.dir)
	m := newStage(t, settings)
	anna, bert, url := m.joins(t, "anna", 2), m.joins(t, "bert", 2), m.at[wires[0]]
	house, shipped := saying("say zanzibar now"), saying(attacking)
	passes, blocked := anna.answers(url, house, http.StatusOK, `"result"`), anna.answers(url, house, http.StatusOK, "CONTENT_HOUSE")
	eventually(t, "the agent is reached", passes)
	flow := goOnSaying(bert, url, house)
	stale := func(want int) { t.Helper(); m.counts(t, "ringfence_content_rules_stale", want) }
	stale(0)

	since(t, s.write("house.yaml", rule("house-word", "house", "zanzibar")), "a new file is in force", blocked)
	since(t, s.write("other.yaml", rule("house-other", "other", "timbuktu")), "a second file is in force", anna.answers(url, saying("say timbuktu now"), http.StatusOK, "CONTENT_OTHER"))
	if err := anna.answers(url, shipped, http.StatusOK, "CONTENT_PROMPT_INJECTION")(); err != nil {
		t.Errorf("the shipped rules: %v", err)
	}

	for name, broken := range map[string]struct{ text, line string }{
		"regex": {strings.Replace(rule("house-word", "house", "zanzibar"), "    tests:", "    regex: '(['\n    tests:", 1), "house.yaml:2"},
		"yaml":  {"rules:\n  - id: x\n   class: [", "house.yaml:"},
	} {
		since(t, s.write("house.yaml", broken.text), "broken rules are told of: "+name, func() error {
			_, metrics, err := m.tryAPI(http.MethodGet, "/metrics", "")
			if err == nil && (!strings.Contains(metrics, "ringfence_content_rules_stale 1\n") || !logged(m.mesh, broken.line)) {
				err = fmt.Errorf("no %s in %s", broken.line, m.output.String())
			}
			return err
		})
		if err := blocked(); err != nil {
			t.Errorf("with broken rules, those before are not in force: %v", err)
		}
		s.write("house.yaml", rule("house-word", "house", "zanzibar"))
		stale(0)
	}

	// What cannot be read is no rules either: those before stay.
	aside := s.dir + "-aside"
	if err := os.Rename(s.dir, aside); err != nil {
		t.Fatal(err)
	}
	stale(1)
	if err := blocked(); err != nil {
		t.Errorf("without the directory, the rules before are not in force: %v", err)
	}
	if err := os.Rename(aside, s.dir); err != nil {
		t.Fatal(err)
	}
	stale(0)

	begun := time.Now()
	if err := os.Remove(filepath.Join(s.dir, "house.yaml")); err != nil {
		t.Fatal(err)
	}
	since(t, begun, "a file that is gone is not in force", passes)
	came := flow.end()
	if t.Logf("calls meanwhile: %v", came); len(came) != 2 {
		t.Error("some calls came to something else")
	}
}

// logged reports whether the mesh has said that rules are not in force, and where.
func logged(m *mesh, where string) bool {
	for line := range strings.Lines(m.output.String()) {
		if strings.Contains(line, "content rules have changed and are not in force") && strings.Contains(line, where) {
			return true
		}
	}
	return false
}

// goOnSaying has an agent say the same again and again, which passes or is blocked.
func goOnSaying(c *caller, url, body string) *traffic {
	f := &traffic{came: map[string]int{}, stop: make(chan struct{})}
	f.ended.Go(func() {
		for {
			select {
			case <-f.stop:
				return
			default:
			}
			status, answer, err := c.call(url, body)
			came := fmt.Sprint(status, " ", answer, " ", err)
			switch {
			case mismatch(http.StatusOK, `"result"`)(status, answer, err) == nil:
				came = "passed"
			case mismatch(http.StatusOK, "CONTENT_HOUSE")(status, answer, err) == nil:
				came = "blocked"
			}
			f.mu.Lock()
			f.came[came]++
			f.mu.Unlock()
		}
	})
	return f
}

// TestContentThatCannotBeInForce starts meshes and checks configurations whose rules or treatments make no sense.
func TestContentThatCannotBeInForce(t *testing.T) {
	t.Parallel()
	bad := func(text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "house.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("content: {rulesDir: %q}\n", dir)
	}
	house := rule("house-word", "house", "zanzibar")
	for name, c := range map[string]struct {
		settings string
		want     []string
	}{
		"unknown-class":     {"content: {treatments: [{classes: [promt-injection], action: flag}]}\n", []string{"content.treatments[0].classes", `no rule is of class "promt-injection"`}},
		"unknown-rule":      {"content: {treatments: [{rules: [secret-aws], action: flag}]}\n", []string{"content.treatments[0].rules", `there is no rule "secret-aws"`}},
		"unknown-action":    {"content: {treatments: [{action: drop}]}\n", []string{"content.treatments[0].action", "must be block, redact or flag"}},
		"unknown-ring":      {"content: {treatments: [{rings: [4], action: flag}]}\n", []string{"content.treatments[0].rings[0]"}},
		"unknown-direction": {"content: {treatments: [{directions: [answer], action: flag}]}\n", []string{"content.treatments[0].directions[0]"}},
		"unknown-mode":      {"content: {mode: off}\n", []string{"content.mode", "must be enforce or flag"}},
		"no-directory":      {"content: {rulesDir: /nowhere/rules}\n", []string{"content.rulesDir /nowhere/rules"}},
		"wrong-regex":       {bad(strings.Replace(house, "    tests:", "    regex: '(['\n    tests:", 1)), []string{"content.rulesDir", "house.yaml:2", "house-word"}},
		"unknown-member":    {bad(strings.Replace(house, "any:", "anny:", 1)), []string{"content.rulesDir", "house.yaml:6", "anny"}},
		"own-tests-fail":    {bad(strings.Replace(house, "say zanzibar now", "say nothing", 1)), []string{"content.rulesDir", "house-word"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "ringfence.yaml")
			if err := os.WriteFile(file, []byte(c.settings), 0o600); err != nil {
				t.Fatal(err)
			}
			out := ringfence(t, true, "check", "--config", file)
			for _, part := range c.want {
				if !strings.Contains(out, part) {
					t.Errorf("ringfence check: no %q in %s", part, out)
				}
			}
			args := []string{"serve", "--config", file, "--data-dir", filepath.Join(t.TempDir(), "state")}
			for _, listener := range []string{"gateway", "api", "grpc", "cards"} {
				args = append(args, "--listen-"+listener, "127.0.0.1:0")
			}
			refused(t, start(t, "ringfence", args...), c.want...)
		})
	}
	t.Run("sound", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "ringfence.yaml")
		settings := strings.Replace(bad(house), "}\n", ", treatments: [{classes: [house, prompt-injection], rules: [secret-aws-key], action: flag}]}\n", 1)
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		ringfence(t, false, "check", "--config", file)
	})
}

// TestContentModes lets content pass that is only flagged, or not looked at.
func TestContentModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, settings    string
		request, answer   string // how findings of each are treated, empty where nothing is looked at
		requests, answers refusal
	}{
		{name: "flag", settings: "content: {mode: flag, answers: flag}\n", request: "flag", answer: "flag"},
		{name: "off", settings: "content: {mode: enforce, answers: off}\n", request: "block", requests: injects},
		{name: "enforce", settings: "content: {mode: flag}\n", request: "flag", answer: "block", answers: injects},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, generous+"trust: {weight: 1000, badFactor: 1}\n"+c.settings)
			anna := s.joins(t, "anna", 2)
			for _, w := range wires {
				for direction, f := range map[string]refusal{"request": c.requests, "answer": c.answers} {
					step := spokenStep{step: step{op: "send", message: direction + "-" + w.name()}}
					says := utterance{reply: true, parts: text("done")}
					if direction == "answer" {
						says.parts = text(attacking)
					} else {
						step.text = attacking
					}
					s.agent.on(step.message, performance{says: []utterance{says}})
					h, err := anna.says(s.at, w, step)
					if err == nil && f.reason != "" {
						err = f.denied(w, false, h)
					} else if want := w.tells(step, says); err == nil && h.body != want {
						err = fmt.Errorf("%+v, not %q", h, want)
					}
					if err != nil {
						t.Errorf("%s over %s: %v", direction, w, err)
					}
				}
			}
			_, metrics, err := s.tryAPI(http.MethodGet, "/metrics", "")
			for direction, action := range map[string]string{"request": c.request, "response": c.answer} {
				any := fmt.Sprintf(`class="prompt-injection",direction=%q`, direction)
				one := fmt.Sprintf(`ringfence_content_findings_total{action=%q,`, action) + any
				if err != nil || strings.Contains(metrics, any) != (action != "") || action != "" && !strings.Contains(metrics, one) {
					t.Errorf("%s of %s are counted otherwise, %v", action, direction, err)
				}
			}
		})
	}
}
