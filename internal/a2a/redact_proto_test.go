package a2a_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence.dev/ringfence/internal/a2a"
)

// unknownIn says whether a text stands, by its value, in a field that the message does not define.
func unknownIn(m protoreflect.Message) func(a2a.Text) bool {
	all := map[string]int{}
	var visit func(protoreflect.Message)
	visit = func(m protoreflect.Message) {
		unknown := m.Type().New()
		unknown.SetUnknown(m.GetUnknown())
		contents(unknown, all)
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case f.IsMap() && f.MapValue().Message() != nil:
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					visit(v.Message())
					return true
				})
			case f.IsList() && f.Message() != nil:
				for i := range v.List().Len() {
					visit(v.List().Get(i).Message())
				}
			case f.Message() != nil && !f.IsMap():
				visit(v.Message())
			}
			return true
		})
	}
	visit(m)
	return func(x a2a.Text) bool { return all[x.Value] > 0 }
}

// anew returns the message with other words for all strings and bytes that have the value.
func anew(m protoreflect.Message, value, words string) {
	other := func(f protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
		switch {
		case f.Kind() == protoreflect.StringKind && v.String() == value:
			return protoreflect.ValueOfString(words)
		case f.Kind() == protoreflect.BytesKind && string(v.Bytes()) == value:
			return protoreflect.ValueOfBytes([]byte(words))
		case f.Message() != nil:
			anew(v.Message(), value, words)
		}
		return v
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				m.Mutable(f).Map().Set(k, other(f.MapValue(), v))
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				v.List().Set(i, other(f, v.List().Get(i)))
			}
		default:
			m.Set(f, other(f, v))
		}
		return true
	})
}

// marked is what stands once in a message, so that protobuf's own reader can be told what becomes of it.
const marked = "the one that is marked"

var redactedGRPC = []struct{ name, path, text string }{
	{"text", current + "SendMessage", `message {message_id: "m" parts {text: "a"} parts {text: "` + marked + `"} role: ROLE_USER}`},
	{"bytes", current + "SendMessage", `message {parts {raw: "` + marked + `" media_type: "text/plain"}}`},
	{"file-name", current + "SendMessage", `message {parts {raw: "x" filename: "` + marked + `"}}`},
	{"data", current + "SendMessage", `message {parts {data {struct_value {fields {key: "a" value {list_value {values {bool_value: true} values {string_value: "` +
		marked + `"}}}} fields {key: "` + strings.Repeat("k", 200) + `" value {string_value: "z"}}}}}} configuration {history_length: 3}`},
	{"metadata", current + "CancelTask", `tenant: "acme" id: "t-1" metadata {fields {key: "a" value {string_value: "` + marked + `"}} fields {key: "b" value {null_value: NULL_VALUE}}}`},
	{"text-0.3", legacy + "SendMessage", `request {parts {text: "` + marked + `"} metadata {fields {key: "k" value {string_value: "v"}}}}`},
	{"bytes-0.3", legacy + "SendStreamingMessage", `request {parts {file {file_with_bytes: "` + marked + `" mime_type: "text/plain" name: "n"}}}`},
	{"data-0.3", legacy + "SendMessage", `request {parts {data {data {fields {key: "k" value {string_value: "` + marked + `"}}}}}} metadata {fields {key: "k" value {number_value: 1}}}`},
}

func TestRedactGRPC(t *testing.T) {
	t.Parallel()
	for _, tc := range redactedGRPC {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			call := find(t, tc.path)
			message := encoded(t, tc.path, tc.text, false)
			op, p := a2a.ParseGRPC(tc.path, framed(message), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			for _, words := range []string{"-", strings.Repeat("ü", 80), strings.Repeat("long ", 5000)} {
				r, err := a2a.RedactRequest(op, "POST", tc.path, framed(message), indexes(t, op.Texts, map[string]string{marked: words}))
				if err != nil {
					t.Fatal(err)
				}
				got, want := dynamicpb.NewMessage(call.input), dynamicpb.NewMessage(call.input)
				if err := errors.Join(proto.Unmarshal(r.Body[5:], got), proto.Unmarshal(message, want)); err != nil {
					t.Fatal(err)
				}
				anew(want, marked, words)
				if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
					t.Errorf("message (-want +got):\n%s", diff)
				}
				back, err := a2a.RedactRequest(r.Operation, "POST", tc.path, r.Body, indexes(t, r.Operation.Texts, map[string]string{words: marked}))
				if err != nil || !bytes.Equal(back.Body, framed(message)) {
					t.Errorf("back again: %v\n%x\n%x", err, back.Body, message)
				}
			}
		})
	}
}

// What A2A does not define may be text to one agent and a message to another.
func TestUnredactableGRPC(t *testing.T) {
	t.Parallel()
	send := current + "SendMessage"
	for _, tc := range []struct {
		name, path string
		message    string
	}{
		{"unknown-field", send, field(2, field(5, field(1, "a"))) + field(9, "it")},
		{"unknown-field-within", send, field(2, field(5, field(1, "a")+field(9, "it")))},
		{"unknown-field-in-an-entry", send, field(4, field(1, field(1, "k")+field(3, "it")))},
		{"key", send, field(4, field(1, field(1, "it")+field(2, field(3, "v"))))},
		{"id", send, field(2, field(1, "it"))},
		{"media-type", send, field(2, field(5, field(1, "a")+field(7, "it")))},
		{"token", send, field(3, field(2, field(5, "it")))},
		{"another-method", "/x.Y/Z", field(1, "it")},
		{"name-of-another-method", "/x.Y/it", ""},
	} {
		body := framed([]byte(tc.message))
		op, p := a2a.ParseGRPC(tc.path, body, a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		found := false
		for i, x := range op.Texts {
			if strings.HasSuffix(x.Value, "it") {
				found = true
				if r, err := a2a.RedactRequest(op, "POST", tc.path, body, map[int]string{i: "x"}); !errors.Is(err, a2a.ErrUnredactable) || r.Body != nil {
					t.Errorf("%s: %x, %v", tc.name, r.Body, err)
				}
			}
		}
		if !found {
			t.Errorf("%s: the text is not there", tc.name)
		}
	}
}

// grpcRedaction is a message that was read, and how it is redacted.
type grpcRedaction struct {
	texts  []a2a.Text
	before protoreflect.Message
	prefix int // of the message in the body
	redact func(map[int]string) ([]a2a.Text, []byte, error)
}

// checkGRPCRedacted redacts a request and an answer of the call, if the package accepts them.
func checkGRPCRedacted(t *testing.T, call rpc, request, answer []byte, words string) {
	t.Helper()
	read := func(d protoreflect.MessageDescriptor, message []byte) protoreflect.Message {
		m := dynamicpb.NewMessage(d)
		if err := proto.Unmarshal(message, m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	body := framed(request)
	if op, p := a2a.ParseGRPC(call.path, body, fuzzLimits); p == nil && len(op.Texts) < 200 {
		grpcRedaction{op.Texts, read(call.input, request), 5, func(choice map[int]string) ([]a2a.Text, []byte, error) {
			r, err := a2a.RedactRequest(op, "POST", call.path, body, choice)
			if err == nil {
				if diff := cmp.Diff(op, r.Operation, cmpopts.IgnoreFields(a2a.Operation{}, "Texts")); diff != "" {
					t.Errorf("operation (-want +got):\n%s", diff)
				}
			}
			return r.Operation.Texts, r.Body, err
		}}.check(t, words)
	}
	if a, p := a2a.ParseGRPCAnswer(call.path, answer, fuzzLimits); p == nil && len(a.Texts) < 200 {
		op := a2a.Operation{Binding: a2a.GRPC, Wire: call.path[1:], Method: methodOf(call)}
		grpcRedaction{a.Texts, read(call.output, answer), 0, func(choice map[int]string) ([]a2a.Text, []byte, error) {
			got, after, err := a2a.RedactAnswer(op, a, answer, choice)
			return after.Texts, got, err
		}}.check(t, words)
	}
}

// check requires that a redacted message has the same texts but for the words and is one to protobuf, or is refused for a
// reason. Of two texts with one value, one of which is in a field that A2A does not define, both may be refused.
func (g grpcRedaction) check(t *testing.T, words string) {
	t.Helper()
	unknown := unknownIn(g.before)
	for _, choice := range choices(g.texts, words) {
		after, body, err := g.redact(choice)
		if err != nil {
			if !errors.Is(err, a2a.ErrUnredactable) || body != nil || !refusedIn(g.texts, choice, unknown) {
				t.Fatalf("refused: %v, %v", choice, err)
			}
			continue
		}
		if refusedIn(g.texts, choice, nil) {
			t.Errorf("not refused: %v", choice)
		}
		if diff := cmp.Diff(withWords(a2a.GRPC, g.texts, choice), after, ignorePlaces...); diff != "" {
			t.Errorf("texts (-want +got):\n%s", diff)
		}
		m := g.before.New().Interface()
		if err := proto.Unmarshal(body[g.prefix:], m); err != nil {
			t.Fatalf("protobuf refuses the message: %v\n%x", err, body)
		}
		checkContents(t, after, body, m.ProtoReflect())
	}
}

func TestRedactRandomGRPC(t *testing.T) {
	t.Parallel()
	for _, call := range rpcs(t) {
		t.Run(call.path[1:], func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(25) {
				r := rand.New(rand.NewPCG(seed, 13))
				request, answer := marshal(t, randomly(r, call.input, 4)), marshal(t, randomly(r, call.output, 4))
				words := []string{someWords, "", strings.Repeat("x", 300)}[seed%3]
				checkGRPCRedacted(t, call, request, answer, words)
				checkGRPCRedacted(t, call, mutated(r, request), mutated(r, answer), words)
			}
		})
	}
}

func FuzzRedactGRPC(f *testing.F) {
	calls := rpcs(f)
	for i, call := range calls {
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 3))
			f.Add(uint8(i), marshal(f, randomly(r, call.input, 4)), marshal(f, randomly(r, call.output, 4)), someWords)
		}
	}
	f.Fuzz(func(t *testing.T, method uint8, request, answer []byte, words string) {
		checkGRPCRedacted(t, calls[int(method)%len(calls)], request, answer, words)
	})
}
