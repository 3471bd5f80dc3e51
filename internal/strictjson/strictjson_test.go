package strictjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, document, want string
	}{
		{"object", `{"a":1}`, ""},
		{"space-around", " \n{\"a\":1}\t\r\n", ""},
		{"empty", "", "is empty; it must be JSON"},
		{"only-space", " \n", "is empty; it must be JSON"},
		{"cut-short", `{"a":`, "is not valid JSON: it ends too early"},
		{"trailing-value", `{} {}`, "has data after the JSON value"},
		{"trailing-garbage", `{} x`, "has data after the JSON value"},
		{"duplicate", `{"a":1,"b":{"c":[0,{"d":1,"d":2}]}}`, "b.c[1].d: appears more than once"},
		{"duplicate-escaped", `{"a":1,"\u0061":2}`, "a: appears more than once"},
		{"bad-utf8", "{\"a\":\"\xff\"}", "is not valid JSON at byte 7"},
		{"lone-surrogate", `{"a":"\ud800"}`, "is not valid JSON at byte 7"},
		{"comment", `{"a":1}//x`, "has data after the JSON value"},
		{"single-quotes", `{'a':1}`, "is not valid JSON at byte 2"},
		{"leading-zero", `{"a":01}`, "is not valid JSON at byte 7"},
		{"byte-order-mark", "\ufeff{}", "is not valid JSON at byte 1"},
		{"deep-enough", strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), ""},
		{"too-deep", strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), "is nested deeper than 64 levels"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			value, err := Parse([]byte(test.document))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
			if want := strings.TrimSpace(test.document); err == nil && string(value) != want {
				t.Errorf("value %q, want %q", value, want)
			}
		})
	}
}

func TestValueKeepsRawBytesInOrder(t *testing.T) {
	t.Parallel()
	value, err := Parse([]byte(`{ "z" : [ 1.50 , {"k" :null} ], "\u0061": "\u00e9\/" , "n":-7, "t":true }`))
	if err != nil {
		t.Fatal(err)
	}
	var names, raws []string
	for _, member := range value.Members() {
		names, raws = append(names, member.Name), append(raws, string(member.Value))
	}
	if diff := cmp.Diff([]string{"z", "a", "n", "t"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`[ 1.50 , {"k" :null} ]`, `"\u00e9\/"`, `-7`, `true`}, raws); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	elements := value.Members()[0].Value.Elements()
	if len(elements) != 2 || string(elements[0]) != "1.50" || elements[1].Kind() != Object {
		t.Errorf("elements %q", elements)
	}
	if text, ok := value.Members()[1].Value.Text(); !ok || text != "é/" {
		t.Errorf("text %q, %v", text, ok)
	}
	if n, ok := value.Members()[2].Value.Int(); !ok || n != -7 {
		t.Errorf("int %d, %v", n, ok)
	}
	if _, ok := elements[0].Int(); ok {
		t.Error("1.50 was read as an integer")
	}
	if got := value.Elements(); got != nil {
		t.Errorf("elements of an object: %q", got)
	}
}

// FuzzParse holds that what Parse accepts is JSON by the standard library's reading too, and that walking it
// neither panics nor loses a byte.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"c"}],"d":null}`, `[]`, `"x"`, ` 1e9 `, `{"a":1,"a":2}`, `{"\ud83d\ude00":[[],{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		value, err := Parse(document)
		if err != nil {
			return
		}
		if !json.Valid(document) {
			t.Fatalf("accepted %q, which is not JSON", document)
		}
		walk(t, value)
	})
}

func walk(t *testing.T, value Value) {
	t.Helper()
	if _, err := Parse(value); err != nil {
		t.Fatalf("a part of a valid document is not valid: %q: %v", value, err)
	}
	again := value
	switch value.Kind() {
	case Object:
		again = ObjectOf(value.Members())
	case Array:
		again = ArrayOf(value.Elements())
	}
	if diff := cmp.Diff(plain(t, value), plain(t, again)); diff != "" {
		t.Fatalf("put together again (-want +got)\n%s", diff)
	}
	for _, member := range value.Members() {
		walk(t, member.Value)
	}
	for _, element := range value.Elements() {
		walk(t, element)
	}
}

// plain returns what the standard library reads, its numbers as they are written.
func plain(t *testing.T, value Value) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var read any
	if err := decoder.Decode(&read); err != nil {
		t.Fatal(err)
	}
	return read
}
