package a2a_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence.dev/ringfence/internal/a2a"
)

// What DropTasksGRPC leaves is the list without the dropped tasks, and nothing else of it differs.
func TestDropTasksGRPC(t *testing.T) {
	t.Parallel()
	for _, path := range []string{current + "ListTasks", legacy + "ListTasks"} {
		call := find(t, path)
		tasks, total := call.output.Fields().ByName("tasks"), call.output.Fields().ByName("total_size")
		for seed := range uint64(200) {
			r := rand.New(rand.NewPCG(seed, 3))
			m := randomly(r, call.output, 4)
			if r.IntN(4) > 0 {
				m.Set(total, protoreflect.ValueOfInt32(int32(r.IntN(300))))
			}
			message := append(marshal(t, m), field(40, "unknown")...)
			a, p := a2a.ParseGRPCAnswer(path, message, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			drop := make([]bool, len(a.Tasks))
			for i := range drop {
				drop[i] = r.IntN(2) == 0
			}
			if n := len(drop); n > 0 && drop[n-1] && r.IntN(2) == 0 {
				drop = drop[:n-1] // says nothing of the last, which is dropped all the same
			}
			want := dynamicpb.NewMessage(call.output)
			if err := proto.Unmarshal(message, want); err != nil {
				t.Fatal(err)
			}
			dropped := int32(0)
			for i := want.Get(tasks).List().Len() - 1; i >= 0; i-- {
				if i >= len(drop) || drop[i] {
					dropped++
					remove(want.Mutable(tasks).List(), i)
				}
			}
			if n := int32(want.Get(total).Int()); n > 0 {
				want.Set(total, protoreflect.ValueOfInt32(max(n-dropped, 0)))
			}
			got := dynamicpb.NewMessage(call.output)
			rewritten := a2a.DropTasksGRPC(message, a, drop)
			if err := proto.Unmarshal(rewritten, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Fatalf("list (-want +got):\n%s", diff)
			}
			if dropped == 0 && !bytes.Equal(rewritten, message) {
				t.Errorf("changed though nothing is dropped")
			}
			checkKept(t, path, rewritten, a, drop)
		}
	}
}

func remove(list protoreflect.List, at int) {
	for i := at; i+1 < list.Len(); i++ {
		list.Set(i, list.Get(i+1))
	}
	list.Truncate(list.Len() - 1)
}

// checkKept requires that our own parser finds the kept tasks in what was rewritten, and no others.
func checkKept(t *testing.T, path string, rewritten []byte, a a2a.Answer, drop []bool) {
	t.Helper()
	after, p := a2a.ParseGRPCAnswer(path, rewritten, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	ids := func(refs []a2a.TaskRef) (list []string) {
		for _, r := range refs {
			list = append(list, r.ID)
		}
		return list
	}
	kept := slices.Clone(a.Tasks[:0:0])
	for i, ref := range a.Tasks {
		if i < len(drop) && !drop[i] {
			kept = append(kept, ref)
		}
	}
	if diff := cmp.Diff(ids(kept), ids(after.Tasks)); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func TestDropTasksGRPCLeavesOtherAnswersAlone(t *testing.T) {
	t.Parallel()
	message := encoded(t, current+"GetTask", `id: "t-1" context_id: "c"`, true)
	a, p := a2a.ParseGRPCAnswer(current+"GetTask", message, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	if got := a2a.DropTasksGRPC(message, a, nil); !bytes.Equal(got, message) {
		t.Errorf("became %x", got)
	}
}
