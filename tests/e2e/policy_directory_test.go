package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf is a directory of policies.
type shelf struct {
	t   *testing.T
	dir string
}

func newShelf(t *testing.T) shelf { return shelf{t, t.TempDir()} }

func (s shelf) settings() string { return fmt.Sprintf("policies: {dir: %q}\n", s.dir) }

// write replaces a file in one step, and returns the moment before it.
func (s shelf) write(name, text string) time.Time {
	s.t.Helper()
	begun, fresh := time.Now(), filepath.Join(s.dir, ".fresh")
	err := os.WriteFile(fresh, []byte(text), 0o600)
	if err = errors.Join(err, os.Rename(fresh, filepath.Join(s.dir, name))); err != nil {
		s.t.Fatal(err)
	}
	return begun
}

// policyStatus is how the set stands that policies make up.
type policyStatus struct {
	Live, Current bool
	Documents     int
	Problems      []struct {
		File, Reason string
		Line         int
	}
}

func (m *mesh) policyStatus() (policyStatus, error) {
	status, answer, err := m.tryAPI(http.MethodGet, "/v1/policies", "")
	if err != nil || status != http.StatusOK {
		return policyStatus{}, fmt.Errorf("%d %s %w", status, answer, err)
	}
	var list struct{ Status policyStatus }
	return list.Status, json.Unmarshal([]byte(answer), &list)
}

// traffic calls again and again until it is ended, and counts what calls came to.
type traffic struct {
	mu    sync.Mutex
	came  map[string]int
	stop  chan struct{}
	ended sync.WaitGroup
}

// goOn has an agent call; each outcome is that of the condition that holds, or what was answered.
func goOn(c *caller, url string, conditions map[string]func(int, string, error) error) *traffic {
	f := &traffic{came: map[string]int{}, stop: make(chan struct{})}
	f.ended.Go(func() {
		for {
			select {
			case <-f.stop:
				return
			default:
			}
			status, answer, err := c.call(url, message("m", ""))
			came := fmt.Sprint(status, " ", answer, " ", err)
			for name, holds := range conditions {
				if holds(status, answer, err) == nil {
					came = name
				}
			}
			f.mu.Lock()
			f.came[came]++
			f.mu.Unlock()
		}
	})
	return f
}

func (f *traffic) end() map[string]int {
	close(f.stop)
	f.ended.Wait()
	return f.came
}

// short is a rule that refuses every call of a method, and costs its caller no trust.
func short(method string) string { return "max_body: {bytes: 1B, methods: [" + method + "]}" }

// TestPoliciesByDirectory changes files while calls go on.
func TestPoliciesByDirectory(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.write("limits.yaml", document("limits", "gateway", "", "max_body: 64KiB"))
	m, anna, _, url := pair(t, "", steady+s.settings(), &taskAgent{})
	passes, refused := anna.answers(url, message("m", ""), http.StatusOK, `"result"`), anna.answers(url, message("m", ""), http.StatusOK, "POLICY_BODY_TOO_LARGE")
	eventually(t, "the agent is reached", passes)
	flow := goOn(anna, url, map[string]func(int, string, error) error{
		"passed": mismatch(http.StatusOK, `"result"`), "refused": mismatch(http.StatusOK, "POLICY_BODY_TOO_LARGE"),
	})
	guard := document("guard", "callee", "targets: {agents: [callee]}", short("SendMessage"))

	since(t, s.write("guard.yaml", guard), "a new file is in force", refused)
	if code, _, answer := m.policies(t, http.MethodPut, "/guard", guard); code != http.StatusConflict {
		t.Errorf("a policy in a file is written by the API: %d %s", code, answer)
	}
	broken := guard + "    - forbid: {metods: [GetTask]}\n"
	since(t, s.write("guard.yaml", broken), "a broken file is told of", func() error {
		status, err := m.policyStatus()
		if err == nil && (status.Current || !status.Live || len(status.Problems) != 1) {
			err = fmt.Errorf("%+v", status)
		}
		return err
	})
	status, err := m.policyStatus()
	if err != nil {
		t.Fatal(err)
	}
	if p := status.Problems[0]; p.File != filepath.Join(s.dir, "guard.yaml") || p.Line != 9 || !strings.Contains(p.Reason, "metods") || status.Documents != 2 {
		t.Errorf("the broken file is told of as %+v", status)
	}
	if err := refused(); err != nil {
		t.Errorf("with a broken file, what was in force is not: %v", err)
	}
	if log := m.output.String(); !strings.Contains(log, `level=ERROR msg="a policy is refused" file=`+filepath.Join(s.dir, "guard.yaml")+` line=9 policy=guard reason=`) {
		t.Errorf("the log does not tell of the broken file:\n%s", log)
	}
	begun := time.Now()
	if err := os.Remove(filepath.Join(s.dir, "guard.yaml")); err != nil {
		t.Fatal(err)
	}
	since(t, begun, "a file that is gone is not in force", passes)
	came := flow.end()
	if t.Logf("calls meanwhile: %v", came); len(came) != 2 {
		t.Error("some calls came to something else")
	}
}

// TestPoliciesByConfigMap swaps the link through which a directory that Kubernetes mounts shows its files.
func TestPoliciesByConfigMap(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	version := func(name string, rules map[string]string) {
		dir := filepath.Join(s.dir, name)
		err := os.Mkdir(dir, 0o700)
		for policy, rule := range rules {
			text := document(policy, "callee", "targets: {agents: [callee]}", rule)
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, policy+".yaml"), []byte(text), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, from string) {
		if err := os.Symlink(to, filepath.Join(s.dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	version("..first", map[string]string{"one": short("SendMessage"), "two": short("GetTask")})
	version("..second", map[string]string{"one": short("GetTask"), "two": short("SendMessage")})
	link("..first", "..data")
	for _, name := range []string{"one.yaml", "two.yaml"} {
		link(filepath.Join("..data", name), name)
	}
	m, anna, _, url := pair(t, "", steady+s.settings(), &taskAgent{})
	ruledBy := func(name string) func() error {
		return func() error {
			for policy, method := range map[string]string{name: "SendMessage", map[string]string{"one": "two", "two": "one"}[name]: "GetTask"} {
				body := message("m", "")
				if method == "GetTask" {
					body = rpc("GetTask", `{"id":"x"}`)
				}
				if err := anna.answers(url, body, http.StatusOK, "POLICY_BODY_TOO_LARGE")(); err != nil {
					return err
				}
				status, answer, err := m.tryAPI(http.MethodGet, "/v1/decisions?limit=1", "")
				if err != nil || status != http.StatusOK || !strings.Contains(answer, "policy "+policy+" rules[0] max_body") {
					return fmt.Errorf("%d %s %w", status, answer, err)
				}
			}
			return nil
		}
	}
	eventually(t, "the first version is in force", ruledBy("one"))
	// Both versions refuse both calls: nothing in between may let them through.
	flow := goOn(anna, url, map[string]func(int, string, error) error{"refused": mismatch(http.StatusOK, "POLICY_BODY_TOO_LARGE")})
	link("..second", "..data_tmp")
	begun := time.Now()
	if err := os.Rename(filepath.Join(s.dir, "..data_tmp"), filepath.Join(s.dir, "..data")); err != nil {
		t.Fatal(err)
	}
	since(t, begun, "the second version has taken its place", func() error {
		status, answer, err := m.tryAPI(http.MethodGet, "/v1/policies?inForce=true", "")
		if err == nil && (status != http.StatusOK || !strings.Contains(answer, `metadata: {name: one}\nspec:\n  party: callee\n  targets: {agents: [callee]}\n  rules:\n    - `+short("GetTask"))) {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
	if came := flow.end(); len(came) != 1 {
		t.Errorf("calls meanwhile: %v", came)
	}
	eventually(t, "the second version is in force", ruledBy("two"))
}

// TestBrokenPoliciesAtTheStart starts a mesh whose policies cannot be read: it lets nothing through until they can.
func TestBrokenPoliciesAtTheStart(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.write("guard.yaml", strings.Replace(document("guard", "gateway", "", "max_body: 64KiB"), "gateway", "gate", 1))
	m, anna, _, url := pair(t, "", steady+s.settings(), &taskAgent{})
	since(t, time.Now(), "calls are refused", anna.answers(url, message("m", ""), http.StatusInternalServerError, "POLICY_UNDECIDED"))
	status, answer, err := get(m.ready.APIURL + "/readyz")
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(answer, "policies") || !strings.Contains(answer, "guard.yaml:5") {
		t.Errorf("readiness says %d %s %v", status, answer, err)
	}
	if out := ringfence(t, true, "ready", "--ready-file", filepath.Join(m.dir, "ready.json")); !strings.Contains(out, "guard.yaml:5") {
		t.Errorf("ringfence ready says %s", out)
	}
	if out := ringfence(t, false, "policy", "list", "--ready-file", filepath.Join(m.dir, "ready.json")); !strings.Contains(out, "every call is denied") || !strings.Contains(out, "guard.yaml:5") {
		t.Errorf("ringfence policy list says %s", out)
	}
	begun := s.write("guard.yaml", document("guard", "gateway", "", "max_body: 64KiB"))
	since(t, begun, "calls pass", anna.answers(url, message("m", ""), http.StatusOK, `"result"`))
	if status, answer, err := get(m.ready.APIURL + "/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("readiness says %d %s %v", status, answer, err)
	}
}
