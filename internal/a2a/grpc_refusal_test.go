package a2a_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/a2a"
)

func jsonRequest(t testing.TB, method string, params proto.Message) []byte {
	t.Helper()
	b, err := protojson.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":%q,"params":%s}`, method, b)
}

// field is a field of wire type 2.
func field(number protowire.Number, content string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), content))
}

var grpcRefusals = []struct{ name, path, message, want string }{
	{"tag-cut-off", "SendMessage", "\x8a", "INVALID_PROTOBUF"},
	{"length-cut-off", "SendMessage", "\x0a\x80", "INVALID_PROTOBUF"},
	{"content-cut-off", "SendMessage", "\x0a\x05acme", "INVALID_PROTOBUF"},
	{"length-beyond-64-bits", "SendMessage", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "INVALID_PROTOBUF"},
	{"length-huge", "SendMessage", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "INVALID_PROTOBUF"},
	{"length-not-shortest", "SendMessage", "\x0a\x81\x00a", "INVALID_PROTOBUF"},
	{"tag-not-shortest", "SendMessage", "\x8a\x00\x01a", "INVALID_PROTOBUF"},
	{"varint-endless", "GetTask", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "INVALID_PROTOBUF"},
	{"int32-too-large", "GetTask", "\x18\xff\xff\xff\xff\x1f", "INVALID_PROTOBUF"},
	{"bool-of-two", "ListTasks", "\x40\x02", "INVALID_PROTOBUF"},
	{"field-zero", "SendMessage", "\x02\x01a", "INVALID_PROTOBUF"},
	{"field-beyond-29-bits", "SendMessage", "\x82\x80\x80\x80\x20\x01a", "INVALID_PROTOBUF"},
	{"group", "SendMessage", "\x0b\x0c", "INVALID_PROTOBUF"},
	{"group-of-unknown-field", "SendMessage", "\xf3\x01\xf4\x01", "INVALID_PROTOBUF"},
	{"wire-type-six", "SendMessage", "\x0e\x01", "INVALID_PROTOBUF"},
	{"fixed32-cut-off", "SendMessage", "\xf5\x01aaa", "INVALID_PROTOBUF"},
	{"fixed64-cut-off", "SendMessage", "\xf1\x01aaaaaaa", "INVALID_PROTOBUF"},
	{"string-as-varint", "SendMessage", "\x08\x01", "INVALID_PROTOBUF"},
	{"message-as-varint", "SendMessage", "\x10\x01", "INVALID_PROTOBUF"},
	{"number-as-bytes", "GetTask", field(3, "a"), "INVALID_PROTOBUF"},
	{"string-not-utf8", "SendMessage", field(1, "\xff"), "INVALID_PROTOBUF"},
	{"map-key-not-utf8", "SendMessage", field(4, field(1, field(1, "\xff"))), "INVALID_PROTOBUF"},
	{"map-value-as-varint", "SendMessage", field(4, field(1, "\x10\x01")), "INVALID_PROTOBUF"},
	{"nested-cut-off", "SendMessage", field(2, "\x0a\x05a"), "INVALID_PROTOBUF"},
	{"field-twice", "SendMessage", field(1, "a") + field(1, "a"), "REPEATED_FIELD"},
	{"empty-field-twice", "SendMessage", field(1, "") + field(1, "a"), "REPEATED_FIELD"},
	{"message-twice", "SendMessage", field(2, field(5, field(1, "a"))) + field(2, field(5, field(1, "b"))), "REPEATED_FIELD"},
	{"two-of-a-oneof", "SendMessage", field(2, field(5, field(1, "text")+field(3, "https://x"))), "REPEATED_FIELD"},
	{"map-key-twice-in-an-entry", "SendMessage", field(4, field(1, field(1, "a")+field(1, "b"))), "REPEATED_FIELD"},
	{"map-value-twice-in-an-entry", "SendMessage", field(4, field(1, field(2, "")+field(2, ""))), "REPEATED_FIELD"},
	{"key-twice", "SendMessage", field(4, field(1, field(1, "a"))+field(1, field(1, "a"))), "DUPLICATE_KEY"},
	{"empty-key-twice", "SendMessage", field(4, field(1, field(1, ""))+field(1, "")), "DUPLICATE_KEY"},
	{"another-task-for-the-push", "SendMessage", field(2, field(3, "mine")) + field(3, field(2, field(3, "yours"))), "CONFLICTING_VALUES"},
	{"another-tenant-for-the-push", "SendMessage", field(1, "mine") + field(3, field(2, field(1, "yours"))), "CONFLICTING_VALUES"},
	{"too-many-fields", "SendMessage", strings.Repeat(field(30, "a"), 1001), "TOO_MANY_MEMBERS"},
	{"too-many-fields-in-an-entry", "SendMessage", field(4, field(1, strings.Repeat(field(3, "a"), 1001))), "TOO_MANY_MEMBERS"},
	{"too-deep", "SendMessage", field(4, deep(11)), "TOO_DEEP"},
	{"too-large", "SendMessage", field(30, strings.Repeat("a", 1<<16)), "TOO_LARGE"},
}

// deep is a Struct of n levels.
func deep(n int) string {
	s := ""
	for range n - 1 {
		s = field(1, field(1, "k")+field(2, field(5, s)))
	}
	return s
}

// entries is a Struct of n members.
func entries(n int) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(field(1, field(1, strconv.Itoa(i))+field(2, field(3, "v"))))
	}
	return s.String()
}

var legacyRefusals = []struct{ name, path, message, want string }{
	{"name-without-a-collection", "GetTask", field(1, "t-1"), "AMBIGUOUS_NAME"},
	{"name-of-no-task", "GetTask", field(1, "tasks/"), "AMBIGUOUS_NAME"},
	{"name-of-two-tasks", "CancelTask", field(1, "tasks/a/tasks/b"), "AMBIGUOUS_NAME"},
	{"name-below-another", "CancelTask", field(1, "users/u/tasks/b"), "AMBIGUOUS_NAME"},
	{"config-name-of-a-task", "GetTaskPushNotificationConfig", field(1, "tasks/a"), "AMBIGUOUS_NAME"},
	{"config-name-with-more", "GetTaskPushNotificationConfig", field(1, "tasks/a/pushNotificationConfigs/b/c"), "AMBIGUOUS_NAME"},
	{
		"parent-of-another", "CreateTaskPushNotificationConfig",
		field(1, "tasks/mine") + field(3, field(1, "tasks/yours/pushNotificationConfigs/c")), "CONFLICTING_VALUES",
	},
}

func TestParseGRPCRefuses(t *testing.T) {
	t.Parallel()
	limits := a2a.Limits{Bytes: 1 << 16, Depth: 11, Members: 1000}
	check := func(service string, tc struct{ name, path, message, want string }) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseGRPC(service+tc.path, framed([]byte(tc.message)), limits)
			if p == nil {
				t.Fatalf("accepted as %+v", op)
			}
			if p.Reason != tc.want || p.Binding != a2a.GRPC || p.Method == "" || p.Agent {
				t.Errorf("%+v, want %s", p, tc.want)
			}
			if d := p.Denial(); d.GRPC == 0 || d.Binding != a2a.GRPC {
				t.Errorf("denial = %+v", d)
			}
		})
	}
	for _, tc := range grpcRefusals {
		check(current, tc)
	}
	for _, tc := range legacyRefusals {
		check(legacy, tc)
	}
}

func TestParseGRPCLimitsAreInclusive(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"levels":  field(4, deep(10)),
		"members": strings.Repeat(field(30, "a"), 1000),
		// As in JSON, an entry counts once.
		"entries": field(4, entries(999)),
		"bytes":   field(30, strings.Repeat("a", 1<<16-10)),
	} {
		limits := a2a.Limits{Bytes: 1 << 16, Depth: 11, Members: 1000}
		if _, p := a2a.ParseGRPC(current+"SendMessage", framed([]byte(message)), limits); p != nil {
			t.Errorf("%s: %v", name, p)
		}
		if _, p := a2a.ParseGRPC(current+"SendMessage", framed([]byte(message)), a2a.Limits{}); p == nil {
			t.Errorf("%s: accepted without limits", name)
		}
	}
}

func TestParseGRPCRefusesFrames(t *testing.T) {
	t.Parallel()
	message := framed([]byte(field(1, "acme")))
	compressed := bytes.Clone(message)
	compressed[0] = 1
	reserved := bytes.Clone(message)
	reserved[0] = 2
	for _, tc := range []struct {
		name string
		body []byte
		want string
		code int
	}{
		{"empty", nil, "INVALID_FRAME", 3},
		{"prefix-cut-off", message[:4], "INVALID_FRAME", 3},
		{"message-cut-off", message[:len(message)-1], "INVALID_FRAME", 3},
		{"data-behind", append(bytes.Clone(message), 0), "INVALID_FRAME", 3},
		{"two-messages", append(bytes.Clone(message), message...), "INVALID_FRAME", 3},
		{"without-prefix", message[5:], "INVALID_FRAME", 3},
		{"compressed", compressed, "COMPRESSED", 12},
		{"reserved-flag", reserved, "INVALID_FRAME", 3},
	} {
		_, p := a2a.ParseGRPC(current+"SendMessage", tc.body, a2a.DefaultLimits())
		if p == nil || p.Reason != tc.want || p.Denial().GRPC != tc.code {
			t.Errorf("%s: %+v, want %s", tc.name, p, tc.want)
		}
	}
}

func TestParseGRPCRefusesPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", "/", "lf.a2a.v1.A2AService/SendMessage", "/lf.a2a.v1.A2AService", "/lf.a2a.v1.A2AService/", "//SendMessage",
		"/lf.a2a.v1.A2AService/sendmessage", "/LF.a2a.v1.a2aservice/SendMessage", "/lf.a2a.v1.A2AService/SendMessage/",
		"/lf.a2a.v1.A2AService/Send%4dessage", "/lf.a2a.v1.A2AService/SendMessage?a=b", "/x/lf.a2a.v1.A2AService/SendMessage",
		"/../SendMessage", "/a..b/c", "/lf.a2a.v1.A2AService;x/SendMessage", "/" + strings.Repeat("a", 9000) + "/b",
	} {
		if op, p := a2a.ParseGRPC(path, framed(nil), a2a.DefaultLimits()); p == nil {
			t.Errorf("%q accepted as %+v", path, op)
		}
		if a, p := a2a.ParseGRPCAnswer(path, nil, a2a.DefaultLimits()); p == nil {
			t.Errorf("%q: answer accepted as %+v", path, a)
		}
	}
}
