package a2a_test

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence.dev/ringfence/internal/a2a"
)

// The steps to each text lead to it in what protobuf's own writer makes of the message in JSON.
func TestStepsInProtobuf(t *testing.T) {
	t.Parallel()
	const data = `{struct_value {
		fields {key: "rows" value {list_value {values {string_value: "r0"} values {list_value {values {number_value: 1} values {string_value: "r1"}}}}}}
		fields {key: "a/b" value {struct_value {fields {key: "" value {string_value: "deep"}}}}}
	}}`
	const card = `name: "n" skills {id: "s0" tags: "t0" tags: "t1"} skills {id: "s1" examples: "e0" name: "skill"}
		security_schemes {key: "oauth" value {oauth2_security_scheme {flows {client_credentials {token_url: "u" scopes {key: "read" value: "reads"}}}}}}
		signatures {protected: "p" signature: "s" header {fields {key: "kid" value {string_value: "k"}}}}`
	for _, c := range []struct {
		name, path, text string
		answer           bool
	}{
		{"current-request", current + "SendMessage", `tenant: "acme" message {message_id: "m" role: ROLE_USER
			parts {text: "one"} parts {data ` + data + `} parts {raw: "\x00\xff" filename: "f" media_type: "x/y"} extensions: "e0" extensions: "e1"}
			metadata {fields {key: "k" value {string_value: "v"}}}`, false},
		{"legacy-request", legacy + "SendMessage", `request {message_id: "m" role: ROLE_USER
			parts {text: "one"} parts {data {data {fields {key: "k" value {string_value: "v"}}}}} parts {file {file_with_uri: "u" name: "n"}}}`, false},
		{"current-answer", current + "SendMessage", `task {id: "t" status {state: TASK_STATE_COMPLETED message {message_id: "m" parts {text: "done"}}}
			artifacts {artifact_id: "a0"} artifacts {artifact_id: "a1" description: "d" parts {data ` + data + `}} history {message_id: "h" parts {text: "asked"}}}`, true},
		{"current-card", current + "GetExtendedAgentCard", card, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			message := encoded(t, c.path, c.text, c.answer)
			call := find(t, c.path)
			var op a2a.Operation
			var texts []a2a.Text
			var steps func(a2a.Text) []a2a.Step
			m := dynamicpb.NewMessage(call.input)
			op, problem := a2a.ParseGRPC(c.path, framed(message), a2a.DefaultLimits())
			texts, steps = op.Texts, func(x a2a.Text) []a2a.Step { return op.Steps(x, framed(message)) }
			if c.answer {
				m = dynamicpb.NewMessage(call.output)
				op = a2a.Operation{Binding: a2a.GRPC, Wire: c.path[1:]}
				var answer a2a.Answer
				answer, problem = a2a.ParseGRPCAnswer(c.path, message, a2a.DefaultLimits())
				texts, steps = answer.Texts, func(x a2a.Text) []a2a.Step { return op.AnswerSteps(x, message) }
			}
			if problem != nil {
				t.Fatal(problem)
			}
			if err := prototext.Unmarshal([]byte(c.text), m); err != nil {
				t.Fatal(err)
			}
			text, err := protojson.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var whole any
			if err := json.Unmarshal(text, &whole); err != nil {
				t.Fatal(err)
			}
			for _, x := range texts {
				if x.End > 0 {
					follow(t, whole, x, steps(x))
				}
			}
		})
	}
}

func follow(t *testing.T, at any, x a2a.Text, steps []a2a.Step) {
	t.Helper()
	for n, s := range steps {
		var ok bool
		switch of := at.(type) {
		case map[string]any:
			at, ok = of[s.Name]
			ok = ok && !s.Index
		case []any:
			i, err := strconv.Atoi(s.Name)
			if ok = err == nil && s.Index && i < len(of); ok {
				at = of[i]
			}
		}
		if !ok {
			t.Errorf("the steps of %q are %v, which leads nowhere", x.Value, steps)
			return
		}
		if x.Key && n == len(steps)-1 {
			at = s.Name
		}
	}
	want := x.Value
	if x.Kind == a2a.KindBytes {
		want = base64.StdEncoding.EncodeToString([]byte(want))
	}
	if at != want {
		t.Errorf("the steps of %q are %v, which leads to %v", x.Value, steps, at)
	}
}

func TestStepsToNowhere(t *testing.T) {
	t.Parallel()
	op := a2a.Operation{Binding: a2a.GRPC, Wire: current[1:] + "SendMessage"}
	for name, got := range map[string][]a2a.Step{
		"path":       op.Steps(a2a.Text{Value: "x"}, framed(nil)),
		"no-frame":   op.Steps(a2a.Text{Value: "x", Start: 1, End: 2}, []byte("xxx")),
		"behind":     op.AnswerSteps(a2a.Text{Value: "x", Start: 90, End: 99}, []byte("xxx")),
		"no-message": op.AnswerSteps(a2a.Text{Value: "x", Start: 1, End: 2}, []byte("\xff\xff\xff")),
	} {
		if len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	unknown := []byte("\xfa\x07\x03abc") // field 127
	if got := op.AnswerSteps(a2a.Text{Value: "abc", Start: 3, End: 6}, unknown); len(got) != 1 || got[0] != (a2a.Step{}) {
		t.Errorf("a field that A2A does not define: %v", got)
	}
}
