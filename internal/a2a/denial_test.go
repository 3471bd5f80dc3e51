package a2a_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

var update = flag.Bool("update", false, "write the golden files")

func denialCases() map[string]a2a.Denial {
	policy := a2a.Denial{
		HTTPStatus: 403, Code: a2a.CodeDenied, GRPC: 7, Reason: "RING_TOO_LOW",
		Message:  "ring 3 may not call \"refund\": 100% no\n",
		Metadata: []a2a.Pair{{Key: "decision", Value: "d-17"}, {Key: "ancestor", Value: "<a&b>"}},
	}
	with := func(change func(*a2a.Denial)) a2a.Denial {
		d := policy
		change(&d)
		return d
	}
	return map[string]a2a.Denial{
		"zero": {},
		"jsonrpc-unary": with(func(d *a2a.Denial) {
			d.Binding, d.RequestID = a2a.JSONRPC, []byte(`"r-1\u0022"`)
		}),
		"jsonrpc-streaming": with(func(d *a2a.Denial) {
			d.Binding, d.RequestID, d.Streaming = a2a.JSONRPC, []byte(`7`), true
		}),
		"jsonrpc-without-id": with(func(d *a2a.Denial) { d.Binding = a2a.JSONRPC }),
		"jsonrpc-forged-id": with(func(d *a2a.Denial) {
			d.Binding, d.RequestID = a2a.JSONRPC, []byte(`1,"result":{}`)
		}),
		"jsonrpc-id-with-line-end": with(func(d *a2a.Denial) {
			d.Binding, d.RequestID, d.Streaming = a2a.JSONRPC, []byte("1\n\n"), true
		}),
		"jsonrpc-unauthenticated": {
			Binding: a2a.JSONRPC, Streaming: true, Transport: true, RequestID: []byte(`1`), HTTPStatus: 401,
			Code: a2a.CodeUnauthenticated, GRPC: 16, Reason: "UNAUTHENTICATED", Message: "the request is not signed",
		},
		"jsonrpc-rate-limited": with(func(d *a2a.Denial) {
			d.Binding, d.RequestID, d.GRPC, d.RetryAfterSeconds = a2a.JSONRPC, []byte(`1`), 8, 3
		}),
		"http-json": with(func(d *a2a.Denial) { d.Binding = a2a.HTTPJSON }),
		"http-json-rate-limited": with(func(d *a2a.Denial) {
			d.Binding, d.HTTPStatus, d.GRPC, d.RetryAfterSeconds, d.Streaming = a2a.HTTPJSON, 429, 8, 3, true
		}),
		"grpc": with(func(d *a2a.Denial) { d.Binding, d.Message = a2a.GRPC, "ring 3: 100% né\n" }),
		"unknown-binding": with(func(d *a2a.Denial) {
			d.HTTPStatus, d.RequestID, d.Streaming = 404, []byte(`1`), true
		}),
		"numbers-out-of-range": {Binding: a2a.HTTPJSON, HTTPStatus: 200, GRPC: 99},
	}
}

func render(r a2a.Response) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", r.Status)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "\n%s", r.Body)
	return b.Bytes()
}

func TestDenialResponse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "denial")
	cases := denialCases()
	for name, d := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := render(d.Response())
			file := filepath.Join(dir, name+".http")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if d.Binding != a2a.GRPC {
				checkAnswer(t, d)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil || len(files) != len(cases) {
		t.Errorf("%d golden files for %d cases, %v", len(files), len(cases), err)
	}
}

func TestDenialEvent(t *testing.T) {
	t.Parallel()
	const details = `[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"FINDING","domain":"ringfence.dev","metadata":{}}]`
	d := a2a.Denial{
		RequestID: []byte(`"r"`), HTTPStatus: 451, Code: a2a.CodeDenied, GRPC: 7, Reason: "FINDING", Message: "line\nend",
	}
	for _, tc := range []struct {
		name    string
		binding a2a.Binding
		want    string
	}{
		{"jsonrpc", a2a.JSONRPC, `data: {"jsonrpc":"2.0","id":"r","error":{"code":-31403,"message":"line\u000aend","data":` + details + "}}\n\n"},
		{
			"http-json", a2a.HTTPJSON,
			"event: error\n" + `data: {"error":{"code":451,"status":"PERMISSION_DENIED","message":"line\u000aend","details":` + details + "}}\n\n",
		},
		{"grpc", a2a.GRPC, ""},
		{"unknown", a2a.BindingUnknown, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := d
			d.Binding = tc.binding
			if diff := cmp.Diff(tc.want, string(d.Event())); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
	if got := string(a2a.Denial{Binding: a2a.HTTPJSON}.Event()); !strings.Contains(got, `"code":403,"status":"PERMISSION_DENIED"`) {
		t.Errorf("a denial without numbers is %s", got)
	}
}

func FuzzDenial(f *testing.F) {
	f.Add("plain", "key", "value", []byte(`"id"`), uint8(1), true)
	f.Add("\xff\u2028<&>\x00\"\\", "", "\r\n", []byte("1\n\ndata: x"), uint8(0), false)
	f.Fuzz(func(t *testing.T, message, key, value string, id []byte, binding uint8, streaming bool) {
		d := a2a.Denial{
			Binding: a2a.Binding(binding % 3), Streaming: streaming, RequestID: id, Reason: key,
			Message: message, Metadata: []a2a.Pair{{Key: key, Value: value}},
		}
		checkAnswer(t, d)
		d.Binding, d.Streaming = a2a.HTTPJSON, false
		var got struct{ Error struct{ Message string } }
		if err := json.Unmarshal(d.Response().Body, &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(message)); got.Error.Message != want {
			t.Errorf("message = %q, want %q", got.Error.Message, want)
		}
	})
}
