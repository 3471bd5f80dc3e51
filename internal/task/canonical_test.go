package task_test

import (
	"testing"

	"ringfence.dev/ringfence/internal/task"
)

func TestSame(t *testing.T) {
	t.Parallel()
	const id = "0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f"
	for other, want := range map[string]bool{
		id:                                       true,
		"0192F7A4-93CD-7AB0-8001-0A1B2C3D4E5F":   true,
		"0192f7a493cd7ab080010a1b2c3d4e5f":       true,
		"{0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f}": true,
		"URN:uuid:0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f": true,
		" 0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f\n":       true,
		"0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5":           false,
		"0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f0":         false,
		"0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5g":          false,
		"0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5e":          false,
		"task-0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f":     false,
		"":  false,
		"{": false,
	} {
		if got := task.Same(id, other); got != want {
			t.Errorf("%q is the same: %v", other, got)
		}
	}
	for _, pair := range [][2]string{{"task", "Task"}, {"1", "01"}, {"a", "a "}, {"42", "{42}"}} {
		if task.Same(pair[0], pair[1]) {
			t.Errorf("%q are the same", pair)
		}
	}
}
