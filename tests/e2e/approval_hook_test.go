package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hookSecret is what requests to the hook are signed with.
var hookSecret = []byte("0123456789abcdef0123456789abcdef")

// ear is a hook that remembers the events it was told, each once.
type ear struct {
	mu     sync.Mutex
	events map[string][]string
	wrong  []string
}

func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	mac := hmac.New(sha256.New, hookSecret)
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
	var event struct {
		SpecVersion, ID, Source, Type, Subject, Time, DataContentType string

		Data approved
	}
	switch {
	case err != nil || json.Unmarshal(body, &event) != nil:
		e.wrong = append(e.wrong, fmt.Sprintf("%s %v", body, err))
	case r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)):
		e.wrong = append(e.wrong, "the signature "+r.Header.Get("Webhook-Signature"))
	case event.SpecVersion != "1.0" || event.ID != r.Header.Get("Webhook-Id") || event.Source == "" || event.Time == "" || event.Subject != event.Data.ID ||
		r.Header.Get("Content-Type") != "application/cloudevents+json" || event.Data.Caller != "anna" || event.Data.Callee != "cashier":
		e.wrong = append(e.wrong, string(body))
	case !slices.Contains(e.events[event.Subject], event.Type):
		e.events[event.Subject] = append(e.events[event.Subject], event.Type)
	}
	w.WriteHeader(http.StatusNoContent)
}

// TestApprovalHooks listens to what becomes of approvals.
func TestApprovalHooks(t *testing.T) {
	t.Parallel()
	e := &ear{events: map[string][]string{}}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("whsec_"+base64.StdEncoding.EncodeToString(hookSecret)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCounter(t, fmt.Sprintf("  webhooks: [{url: %q, secretFile: %q}]\n", server.URL+"/hook", file))
	granted, denied := c.waits(t, "m1"), c.waits(t, "m2")
	c.vote(t, c.mesh, false, "approve", "ada", granted)
	c.vote(t, c.mesh, false, "approve", "ben", granted)
	c.send(t, "m1")
	c.vote(t, c.mesh, false, "deny", "ada", denied)
	const about = "ringfence.dev.approval."
	want := map[string][]string{
		granted: {about + "requested", about + "granted", about + "consumed"},
		denied:  {about + "requested", about + "denied"},
	}
	eventually(t, "the hook was told of everything", func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if diff := cmp.Diff(want, e.events); diff != "" {
			return fmt.Errorf("%s", diff)
		}
		return nil
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.wrong) > 0 {
		t.Errorf("the hook was told %v", e.wrong)
	}
}
