package audit

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

// TestTrailKeepsNothingOfTheRequest holds that what is remembered says the same in texts of its own, and that what the
// exchange goes on with is left alone.
func TestTrailKeepsNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	request := "d-1 concierge did:key:z6Mk weather forecast gate-7 root "
	request += strings.Repeat("a body that nobody needs any more ", 100)
	part := func(s string) string {
		_, rest, _ := strings.Cut(request, s)
		return request[len(request)-len(rest)-len(s):][:len(s)]
	}
	chain, evidence := []agent.ID{agent.ID(part("root")), agent.ID(part("concierge"))}, []string{part("forecast"), strings.Repeat(part("weather"), 60)}
	give := func() Record {
		return Record{
			ID: part("d-1"), Caller: agent.ID(part("concierge")), DID: part("did:key:z6Mk"), Skill: part("weather"), Decision: "deny", Evidence: evidence,
			Time: time.Unix(1, 0).UTC(), Call: &PolicyCall{Origin: agent.ID(part("root")), Action: part("forecast")},
			Authority: &Authority{Descent: "gated", Gate: part("gate-7"), Chain: chain},
		}
	}
	tr := trail(nil, 1, 1)
	defer tr.Close()
	tr.Record(give())
	got, ok := tr.Find("d-1", "")
	if diff := cmp.Diff(give(), got); !ok || diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	begin := uintptr(unsafe.Pointer(unsafe.StringData(request)))
	within := func(s string) bool {
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		return at >= begin && at < begin+uintptr(len(request))
	}
	for name, text := range map[string]string{
		"id": got.ID, "caller": string(got.Caller), "did": got.DID, "skill": got.Skill, "evidence": got.Evidence[0], "action": got.Call.Action,
		"origin": string(got.Call.Origin), "gate": got.Authority.Gate, "root": string(got.Authority.Chain[0]), "holder": string(got.Authority.Chain[1]),
	} {
		if within(text) {
			t.Errorf("the %s keeps the request", name)
		}
	}
	if !within(string(chain[0])) || !within(evidence[0]) {
		t.Error("the exchange's own lists were changed")
	}
}

func TestDetachingTakesOneAllocation(t *testing.T) {
	r := Record{ID: strings.Repeat("i", 26), Caller: "concierge", DID: strings.Repeat("d", 56), Authority: &Authority{}, Call: &PolicyCall{}}
	if n := testing.AllocsPerRun(100, r.detach); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
