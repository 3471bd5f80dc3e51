package a2a_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence.dev/ringfence/internal/a2a"
)

// checkGRPC holds what is read from a request against protobuf's own reader. It returns whether it was accepted.
func checkGRPC(t *testing.T, call rpc, body []byte) *a2a.Problem {
	t.Helper()
	op, p := a2a.ParseGRPC(call.path, body, fuzzLimits)
	again, q := a2a.ParseGRPC(call.path, bytes.Clone(body), fuzzLimits)
	if diff := cmp.Diff(op, again); diff != "" {
		t.Errorf("two readings of one body (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(p, q); diff != "" {
		t.Errorf("two refusals of one body (-first +second):\n%s", diff)
	}
	if p != nil {
		return p
	}
	m := dynamicpb.NewMessage(call.input)
	if err := proto.Unmarshal(body[5:], m); err != nil {
		t.Fatalf("protobuf refuses what the parser accepted: %v\n%s %x", err, call.path, body)
	}
	checkContents(t, op.Texts, body, m)
	want := agentReading(m, op)
	if got := (reading{op.Tenant, op.TaskID, op.ContextID, op.MessageID}); got != want {
		t.Errorf("we read %+v, an agent %+v: %s %x", got, want, call.path, body)
	}
	return nil
}

// checkGRPCAnswer does the same for an answer.
func checkGRPCAnswer(t *testing.T, call rpc, message []byte) *a2a.Problem {
	t.Helper()
	a, p := a2a.ParseGRPCAnswer(call.path, message, fuzzLimits)
	if p != nil {
		return p
	}
	m := dynamicpb.NewMessage(call.output)
	if err := proto.Unmarshal(message, m); err != nil {
		t.Fatalf("protobuf refuses what the parser accepted: %v\n%s %x", err, call.path, message)
	}
	checkContents(t, a.Texts, message, m)
	checkTasks(t, a, m)
	checkRewritten(t, call, message, a)
	return nil
}

// checkRewritten requires that an answer which was accepted can be rewritten, and is accepted afterwards.
func checkRewritten(t *testing.T, call rpc, message []byte, a a2a.Answer) {
	t.Helper()
	rewritten := a2a.DropTasksGRPC(message, a, nil)
	after, p := a2a.ParseGRPCAnswer(call.path, rewritten, fuzzLimits)
	if p != nil {
		t.Fatalf("the rewritten answer is refused: %v\n%x\n%x", p, message, rewritten)
	}
	if after.Kind != a.Kind || a.Kind == a2a.AnswerTaskList && len(after.Tasks) > 0 {
		t.Errorf("%d became %d, %v: %x", a.Kind, after.Kind, after.Tasks, message)
	}
}

func FuzzParseGRPC(f *testing.F) {
	calls := rpcs(f)
	for i, call := range calls {
		for seed := range uint64(3) {
			f.Add(uint8(i), framed(marshal(f, randomly(rand.New(rand.NewPCG(seed, 1)), call.input, 4))))
		}
	}
	f.Add(uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, method uint8, body []byte) {
		checkGRPC(t, calls[int(method)%len(calls)], body)
	})
}

func FuzzParseGRPCAnswer(f *testing.F) {
	calls := rpcs(f)
	for i, call := range calls {
		for seed := range uint64(3) {
			f.Add(uint8(i), marshal(f, randomly(rand.New(rand.NewPCG(seed, 1)), call.output, 4)))
		}
	}
	f.Fuzz(func(t *testing.T, method uint8, message []byte) {
		checkGRPCAnswer(t, calls[int(method)%len(calls)], message)
	})
}

// What encoders write is accepted, unless it contradicts itself; what is cut off or spliced is read as protobuf
// reads it, or refused.
func TestGRPCReadsWhatProtobufReads(t *testing.T) {
	t.Parallel()
	semantic := map[string]bool{"CONFLICTING_VALUES": true, "AMBIGUOUS_NAME": true}
	for _, call := range rpcs(t) {
		t.Run(call.path[1:], func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 7))
				request, answer := marshal(t, randomly(r, call.input, 5)), marshal(t, randomly(r, call.output, 5))
				if p := checkGRPC(t, call, framed(request)); p != nil && !semantic[p.Reason] {
					t.Errorf("request refused: %v %x", p, request)
				}
				if p := checkGRPCAnswer(t, call, answer); p != nil {
					t.Errorf("answer refused: %v %x", p, answer)
				}
				for range 20 {
					checkGRPC(t, call, framed(mutated(r, request)))
					checkGRPCAnswer(t, call, mutated(r, answer))
				}
			}
		})
	}
}

// mutated returns b with a byte changed, a piece cut out or a piece doubled.
func mutated(r *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return []byte{byte(r.Uint32())}
	}
	i := r.IntN(len(b))
	j := i + r.IntN(len(b)-i) + 1
	switch r.IntN(3) {
	case 0:
		c := bytes.Clone(b)
		c[i] = byte(r.Uint32())
		return c
	case 1:
		return append(bytes.Clone(b[:i]), b[j:]...)
	default:
		return append(bytes.Clone(b[:j]), b[i:]...)
	}
}
