package a2a

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	current "github.com/a2aproject/a2a-go/v2/a2apb/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
)

// ServiceDescriptors returns the services of both generations as their protos declare them.
func ServiceDescriptors(t testing.TB) []protoreflect.ServiceDescriptor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "proto", "legacy.textproto"))
	if err != nil {
		t.Fatal(err)
	}
	var legacy descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal(text, &legacy); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(&legacy, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return []protoreflect.ServiceDescriptor{
		current.File_a2av1_proto.Services().ByName("A2AService"), file.Services().ByName("A2AService"),
	}
}

// The tables must say what the protos say: a field that is read in another way than agents read it hides content.
func TestSchemaIsThatOfTheProtos(t *testing.T) {
	t.Parallel()
	calls := 0
	for _, service := range ServiceDescriptors(t) {
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			call := grpcCalls[string(service.FullName())+"/"+string(m.Name())]
			if call == nil {
				t.Errorf("%s is unknown", m.FullName())
				continue
			}
			calls++
			if call.method.Streaming() != m.IsStreamingServer() {
				t.Errorf("%s: streaming = %v", m.FullName(), call.method.Streaming())
			}
			seen := map[*protoMessage]bool{}
			compare(t, string(m.FullName()), seen, call.request, m.Input())
			compare(t, string(m.FullName()), seen, call.answer, m.Output())
		}
	}
	if calls != len(grpcCalls) {
		t.Errorf("%d methods in the protos, %d in the table", calls, len(grpcCalls))
	}
}

// otherNames are the fields that have the name of 1.0 where 0.3 has another one.
var otherNames = map[string]bool{"message": true, "extendedAgentCard": true, "securityRequirements": true}

func compare(t *testing.T, place string, seen map[*protoMessage]bool, m *protoMessage, d protoreflect.MessageDescriptor) {
	t.Helper()
	if m == nil {
		t.Errorf("%s: no message", place)
		return
	}
	if seen[m] {
		return
	}
	seen[m] = true
	known, maps := 0, 0
	for number := range m.fields {
		f := &m.fields[number]
		if f.form == noField {
			continue
		}
		known++
		if f.form == protoMap {
			maps++
		}
		where := fmt.Sprintf("%s/%s.%d", place, d.Name(), number)
		field := d.Fields().ByNumber(protoreflect.FieldNumber(number))
		if field == nil || number >= 64 {
			t.Errorf("%s is not in the proto, or too high for a bit", where)
			continue
		}
		if got, want := describe(f), describeField(field); got != want {
			t.Errorf("%s: %s, want %s", where, got, want)
		}
		if want := field.JSONName(); f.name != want && f.name != "" && !otherNames[f.name] || f.name == "" && d.ParentFile().Package() != "google.protobuf" {
			t.Errorf("%s is called %q, want %q", where, f.name, want)
		}
		switch {
		case field.IsMap() && field.MapValue().Message() != nil:
			compare(t, where, seen, f.message, field.MapValue().Message())
		case !field.IsMap() && field.Message() != nil:
			compare(t, where, seen, f.message, field.Message())
		case f.message != nil:
			t.Errorf("%s has a message", where)
		}
	}
	oneofs := 0
	for i := range d.Oneofs().Len() {
		if !d.Oneofs().Get(i).IsSynthetic() {
			oneofs++
		}
	}
	if known != d.Fields().Len() || oneofs > 1 || maps > 1 {
		t.Errorf("%s/%s: %d of %d fields, %d oneofs, %d maps", place, d.Name(), known, d.Fields().Len(), oneofs, maps)
	}
}

func describe(f *protoField) string {
	forms := [...]string{
		protoString: "string", protoBytes: "bytes", protoBool: "bool", protoInt32: "int32", protoInt64: "int64",
		protoDouble: "double", protoSub: "message", protoMap: "map",
	}
	return fmt.Sprintf("%s many=%v oneof=%v", forms[f.form], f.many, f.oneof)
}

func describeField(d protoreflect.FieldDescriptor) string {
	form := d.Kind().String()
	switch {
	case d.IsMap() && d.MapKey().Kind() == protoreflect.StringKind:
		form = "map"
	case d.Kind() == protoreflect.EnumKind:
		form = "int32"
	}
	oneof := d.ContainingOneof() != nil && !d.ContainingOneof().IsSynthetic()
	return fmt.Sprintf("%s many=%v oneof=%v", form, d.IsList(), oneof)
}
