package a2a_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence.dev/ringfence/internal/a2a"
)

// namesTask says by the names of the proto alone whether a field names a task.
func namesTask(f protoreflect.FieldDescriptor) bool {
	message := string(f.ContainingMessage().Name())
	switch f.Name() {
	case "task_id", "reference_task_ids", "parent":
		return true
	case "id":
		return message == "Task" || message == "GetTaskRequest" || message == "CancelTaskRequest" || message == "SubscribeToTaskRequest"
	case "name":
		switch message {
		case "GetTaskRequest", "CancelTaskRequest", "TaskSubscriptionRequest", "TaskPushNotificationConfig",
			"GetTaskPushNotificationConfigRequest", "DeleteTaskPushNotificationConfigRequest":
			return true
		}
	}
	return false
}

// renameFields gives tasks other names in a message as protobuf reads it.
func renameFields(m protoreflect.Message, names map[string]string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		other := func(v protoreflect.Value) protoreflect.Value {
			name, _ := otherName(v.String(), names)
			return protoreflect.ValueOfString(name)
		}
		switch {
		case f.IsMap():
		case f.IsList() && namesTask(f):
			for i := range v.List().Len() {
				v.List().Set(i, other(v.List().Get(i)))
			}
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				renameFields(v.List().Get(i).Message(), names)
			}
		case f.Message() != nil:
			renameFields(v.Message(), names)
		case namesTask(f):
			m.Set(f, other(v))
		}
		return true
	})
}

// checkMessage requires that a message was renamed as protobuf would, and that renaming it back restores it.
func checkMessage(t *testing.T, d protoreflect.MessageDescriptor, before, after, restored []byte, names map[string]string) {
	t.Helper()
	want, got := dynamicpb.NewMessage(d), dynamicpb.NewMessage(d)
	if err := proto.Unmarshal(before, want); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(after, got); err != nil {
		t.Fatalf("the renamed message is refused: %v\n%x", err, after)
	}
	// NaN is no reason to differ: compared are the bytes.
	renameFields(want, names)
	if !bytes.Equal(marshal(t, want), marshal(t, got)) {
		t.Errorf("%s: %v, want %v", d.FullName(), got, want)
	}
	if !bytes.Equal(before, restored) {
		t.Errorf("renamed back: %x, want %x", restored, before)
	}
}

var (
	taskNames     = map[string]string{"t-1": "w-1-longer-than-it-was", "t-2": "ü"}
	taskNamesBack = map[string]string{"w-1-longer-than-it-was": "t-1", "ü": "t-2"}
)

// checkGRPCRenamed renames a request and an answer of the call, if the package accepts them.
func checkGRPCRenamed(t *testing.T, call rpc, request, answer []byte) {
	t.Helper()
	body := framed(request)
	if op, p := a2a.ParseGRPC(call.path, body, fuzzLimits); p == nil && !bytes.Contains(body, []byte("ü")) {
		r, err := a2a.RenameTask(op, "POST", call.path, body, taskNames)
		if err != nil {
			t.Fatalf("%v: %s %x", err, call.path, body)
		}
		restored, err := a2a.RenameTask(r.Operation, "POST", call.path, r.Body, taskNamesBack)
		if err != nil {
			t.Fatal(err)
		}
		if _, named := otherName(op.TaskID, taskNames); named || op.References != nil {
			checkMessage(t, call.input, request, r.Body[5:], restored.Body[5:], taskNames)
		}
	}
	if _, p := a2a.ParseGRPCAnswer(call.path, answer, fuzzLimits); p == nil && !bytes.Contains(answer, []byte("ü")) {
		op := a2a.Operation{Binding: a2a.GRPC, Wire: call.path[1:], Method: methodOf(call)}
		after := a2a.RenameAnswered(op, answer, taskNames)
		if op.Method == a2a.GetExtendedAgentCard {
			if !bytes.Equal(after, answer) {
				t.Errorf("a card became %x", after)
			}
			return
		}
		checkMessage(t, call.output, answer, after, a2a.RenameAnswered(op, after, taskNamesBack), taskNames)
		if _, p := a2a.ParseGRPCAnswer(call.path, after, fuzzLimits); p != nil {
			t.Errorf("the renamed answer is refused: %v", p)
		}
	}
}

// methodOf returns the method of the call. The request without a field is one of every method.
func methodOf(call rpc) a2a.Method {
	op, _ := a2a.ParseGRPC(call.path, framed(nil), fuzzLimits)
	return op.Method
}

func TestRenameGRPC(t *testing.T) {
	t.Parallel()
	for _, call := range rpcs(t) {
		t.Run(call.path[1:], func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(80) {
				r := rand.New(rand.NewPCG(seed, 11))
				request, answer := marshal(t, randomly(r, call.input, 5)), marshal(t, randomly(r, call.output, 5))
				checkGRPCRenamed(t, call, request, answer)
				checkGRPCRenamed(t, call, mutated(r, request), mutated(r, answer))
			}
		})
	}
}

func TestRenameGRPCOtherMethod(t *testing.T) {
	t.Parallel()
	path, body := "/x.Y/Z", framed([]byte(field(1, "t-1")))
	op, p := a2a.ParseGRPC(path, body, fuzzLimits)
	if p != nil {
		t.Fatal(p)
	}
	if r, err := a2a.RenameTask(op, "POST", path, body, taskNames); !errors.Is(err, a2a.ErrUnnameable) {
		t.Errorf("%x, %v", r.Body, err)
	}
	if got := a2a.RenameAnswered(op, body[5:], taskNames); !bytes.Equal(got, body[5:]) {
		t.Errorf("the answer became %x", got)
	}
}

func FuzzRenameGRPC(f *testing.F) {
	calls := rpcs(f)
	for i, call := range calls {
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 3))
			f.Add(uint8(i), marshal(f, randomly(r, call.input, 4)), marshal(f, randomly(r, call.output, 4)))
		}
	}
	f.Fuzz(func(t *testing.T, method uint8, request, answer []byte) {
		checkGRPCRenamed(t, calls[int(method)%len(calls)], request, answer)
	})
}
