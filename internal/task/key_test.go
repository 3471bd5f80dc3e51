package task

import (
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// TestContextsAreNoTasks: no id of a task, whatever an agent makes it, is the key of a context.
func TestContextsAreNoTasks(t *testing.T) {
	t.Parallel()
	seen := map[key]Ref{}
	for _, callee := range []agent.ID{"weather", "ledger"} {
		for _, id := range []string{"x", "\x00x", "\x00", "weather\x00x", "weather"} {
			for _, context := range []bool{false, true} {
				ref := Ref{Callee: callee, Task: id, Context: context}
				k, err := ref.key()
				if err != nil {
					t.Fatal(err)
				}
				if other, taken := seen[k]; taken {
					t.Errorf("%+v and %+v have one key", ref, other)
				}
				seen[k] = ref
			}
		}
	}
}
