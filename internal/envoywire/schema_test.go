package envoywire

import (
	"strings"
	"testing"

	_ "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// TestLayout holds the layout against the descriptors of Envoy's API: a version with other fields has to be looked at.
func TestLayout(t *testing.T) {
	t.Parallel()
	for of := range shapes {
		if strings.HasPrefix(names[of], "an entry") {
			continue
		}
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(names[of]))
		if err != nil {
			t.Errorf("%s: %v", names[of], err)
			continue
		}
		d, ok := found.(protoreflect.MessageDescriptor)
		if !ok {
			t.Errorf("%s is no message", names[of])
			continue
		}
		holdLayout(t, of, d)
	}
}

func holdLayout(t *testing.T, of shape, d protoreflect.MessageDescriptor) {
	t.Helper()
	for number := range protoreflect.FieldNumber(fieldNumbers) {
		want, has := d.Fields().ByNumber(number), layout[of][number]
		if want == nil {
			if has.kind != noField {
				t.Errorf("field %d of %s is none", number, names[of])
			}
			continue
		}
		holdField(t, of, has, want)
	}
	for i := range d.Fields().Len() {
		if n := d.Fields().Get(i).Number(); n >= fieldNumbers {
			t.Errorf("field %d of %s is beyond the layout", n, names[of])
		}
	}
}

func holdField(t *testing.T, of shape, has field, want protoreflect.FieldDescriptor) {
	t.Helper()
	name := want.FullName()
	if kind := kindOf(want); has.kind != kind {
		t.Errorf("%s (%s) is of kind %d, want %d", name, names[of], has.kind, kind)
	}
	if repeats := want.Cardinality() == protoreflect.Repeated; has.repeats != repeats {
		t.Errorf("%s repeats: %v, want %v", name, has.repeats, repeats)
	}
	if oneof := want.ContainingOneof() != nil; (has.oneof != 0) != oneof {
		t.Errorf("%s is in a oneof: %v, want %v", name, has.oneof != 0, oneof)
	}
	switch {
	case want.IsMap():
		if entry := layout[has.of]; entry[1].kind != text || kindOf(want.MapValue()) != entry[2].kind {
			t.Errorf("%s is read as %s", name, names[has.of])
		} else if entry[2].kind == message && names[entry[2].of] != string(want.MapValue().Message().FullName()) {
			t.Errorf("%s holds %s", name, names[entry[2].of])
		}
	case has.kind == message && names[has.of] != string(want.Message().FullName()):
		t.Errorf("%s is read as %s", name, names[has.of])
	}
}

func kindOf(d protoreflect.FieldDescriptor) kind {
	switch d.Kind() {
	case protoreflect.StringKind:
		return text
	case protoreflect.BytesKind:
		return octets
	case protoreflect.MessageKind:
		return message
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return fixed64
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return varint
	default:
		return noField
	}
}
