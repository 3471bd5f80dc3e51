package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringfence.dev/ringfence/internal/audit"
)

// bareAPI is an API that has nothing of its own.
func bareAPI(mux *http.ServeMux) huma.API {
	c := huma.DefaultConfig("test", "1")
	c.CreateHooks = nil // as in the API of the mesh, answers have no links to schemas
	return humago.New(mux, c)
}

// TestDecisionShowsBothPhases holds that an administrator sees what was decided on the request and on its answer.
func TestDecisionShowsBothPhases(t *testing.T) {
	t.Parallel()
	trail := audit.NewTrail(audit.TrailConfig{Out: io.Discard, Recent: 3, Queue: 8, Logger: slog.New(slog.DiscardHandler)})
	defer trail.Close()
	mux := http.NewServeMux()
	inspection{trail: trail}.register(bareAPI(mux))
	type found struct {
		ID, Phase, Decision string
		Answer              *found
	}
	get := func(id string) (int, found) {
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/v1/decisions/"+id, nil))
		var f found
		if err := json.Unmarshal(response.Body.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		return response.Code, f
	}
	trail.Record(audit.Record{ID: "d-1", Decision: "allow"})
	if status, f := get("d-1"); status != http.StatusOK || f.Decision != "allow" || f.Answer != nil {
		t.Errorf("a request alone: %d, %+v", status, f)
	}
	trail.Record(audit.Record{ID: "d-1", Phase: audit.AnswerPhase, Decision: "deny"})
	if status, f := get("d-1"); status != http.StatusOK || f.Phase != "" || f.Decision != "allow" || f.Answer == nil || f.Answer.Decision != "deny" {
		t.Errorf("a request and its answer: %d, %+v", status, f)
	}
	trail.Record(audit.Record{ID: "d-2", Decision: "allow"})
	trail.Record(audit.Record{ID: "d-3", Decision: "allow"})
	if status, f := get("d-1"); status != http.StatusOK || f.Phase != audit.AnswerPhase || f.Decision != "deny" || f.Answer != nil {
		t.Errorf("an answer alone: %d, %+v", status, f)
	}
	if status, _ := get("d-9"); status != http.StatusNotFound {
		t.Errorf("nothing: %d", status)
	}
}
