package cards

import (
	"fmt"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// TestIssuerIsBounded holds that clients, who choose the host of a base, do not choose how much is kept.
func TestIssuerIsBounded(t *testing.T) {
	t.Parallel()
	i := NewIssuer(nil, Policy{})
	body := make([]byte, 1<<20)
	for round := range 3 {
		for host := range 100 {
			key := edition{"a", agent.Base{URL: fmt.Sprintf("https://h%d.example", host)}}
			i.keep(key, issuedAt{uint64(round), Issued{Body: body[:len(body)-host]}})
		}
	}
	size := 0
	for _, kept := range i.issued {
		size += len(kept.card.Body)
	}
	if size != i.size || size > maxIssued || size < maxIssued/2 {
		t.Errorf("%d bytes are kept, %d are counted, %d are allowed", size, i.size, maxIssued)
	}
	i.keep(edition{name: "b"}, issuedAt{1, Issued{Body: make([]byte, maxIssued+1)}})
	if i.size > maxIssued {
		t.Errorf("a card larger than all that may be kept is kept: %d bytes", i.size)
	}
}
