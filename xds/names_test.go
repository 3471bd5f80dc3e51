package xds

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// withoutMemory is how long a string may be that Envoy copies without asking for memory (libc++).
const withoutMemory = 22

func TestScopeNamesAreShort(t *testing.T) {
	t.Parallel()
	name := agent.ID(strings.Repeat("n", 19))
	for _, scope := range scopes(name) {
		if got := scope.GetName(); len(got) > withoutMemory {
			t.Errorf("%s has %d bytes, more than %d", got, len(got), withoutMemory)
		}
	}
}

// TestResourcesHaveOwners holds that what is refused of an agent is found to be the agent's, by name and in what Envoy
// says, and is never taken for that of one whose name begins or ends alike.
func TestResourcesHaveOwners(t *testing.T) {
	t.Parallel()
	b, err := newBuilder(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range agents(12) {
		for _, i := range b.share(record).items {
			if i.name == Gateway {
				continue
			}
			if got := owner(i.name); got != record.Name {
				t.Errorf("%s is of %q, want %q", i.name, got, record.Name)
			}
			message := "Error adding/updating scoped route(s): '" + i.name + "' is refused"
			if !mentions(message, record.Name) {
				t.Errorf("%q does not mention %s", message, record.Name)
			}
			for _, other := range []agent.ID{record.Name + "0", record.Name[1:], record.Name[:len(record.Name)-1], "path", "p", "h"} {
				if mentions(message, other) {
					t.Errorf("%q mentions %s", message, other)
				}
			}
		}
	}
	for _, i := range b.base {
		if got := owner(i.name); got != "" {
			t.Errorf("%s is of %q, want nobody", i.name, got)
		}
	}
}
