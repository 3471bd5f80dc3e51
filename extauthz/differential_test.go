package extauthz

import (
	"os"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/identity"
)

func claims(tb testing.TB) *structpb.Struct {
	tb.Helper()
	s, err := structpb.NewStruct(map[string]any{
		"sub": "a", "n": 1.5, "yes": true, "none": nil, "aud": []any{"b", map[string]any{"c": "d"}}, "ringfence": "x",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// whole is a check with everything that Envoy can put into one.
func whole(tb testing.TB) *authv3.CheckRequest {
	tb.Helper()
	peer := &authv3.AttributeContext_Peer{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "10.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 40000},
		}}},
		Service: "front", Labels: map[string]string{"zone": "a"}, Principal: "spiffe://mesh.test/caller", Certificate: "-----BEGIN",
	}
	local := &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/s", Mode: 7}}}}
	meta := &corev3.Metadata{
		FilterMetadata:      map[string]*structpb.Struct{"envoy.filters.http.jwt_authn": claims(tb)},
		TypedFilterMetadata: map[string]*anypb.Any{"typed": {TypeUrl: "type.googleapis.com/x", Value: []byte{8, 1}}},
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: peer, Destination: local,
		Request: &authv3.AttributeContext_Request{
			Time: &timestamppb.Timestamp{Seconds: 1_790_000_000, Nanos: 5},
			Http: &authv3.AttributeContext_HttpRequest{
				Id: "1", Method: "POST", Path: "/agents/ledger?q=1", Host: "gateway.test", Scheme: "https", Size: -1, Protocol: "HTTP/2",
				HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
					{Key: ":method", RawValue: []byte("POST")},
					{Key: "content-type", RawValue: []byte("application/json")},
					{Key: "X-Twice", RawValue: []byte("one")},
					{Key: "x-twice", Value: "two"},
					{Key: "x-bytes", RawValue: []byte{0xff, 0xfe}},
				}},
				RawBody: []byte(`{"jsonrpc":"2.0"}`),
			},
		},
		ContextExtensions: map[string]string{FormExtension: PathForm, BodyExtension: IncludedBody, "other": "x"},
		MetadataContext:   meta, RouteMetadataContext: meta, TlsSession: &authv3.AttributeContext_TLSSession{Sni: "gateway.test"},
	}}
}

// older is a check of an Envoy that does not send raw headers.
func older() *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/", Host: "h", Headers: map[string]string{":path": "/", "b": "2", "a": "1", "Upper": "x"}, Body: "text",
		}},
	}}
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// sorted puts into order what a map has in none.
func sorted(check envoywire.Check, byMap bool) envoywire.Check {
	byName := func(a, b identity.Field) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) }
	check.Extensions = slices.Clone(check.Extensions)
	slices.SortFunc(check.Extensions, byName)
	if byMap {
		check.Header = slices.Clone(check.Header)
		slices.SortFunc(check.Header, byName)
	}
	return check
}

// compare holds what is read of the wire against what the generated code makes of the same bytes: what that refuses is
// refused, and what both take is the same.
func compare(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	got, err := envoywire.ParseCheck(data)
	request := &authv3.CheckRequest{}
	if generated := proto.Unmarshal(data, request); generated != nil {
		if err == nil {
			t.Errorf("took what the generated code refuses with %v", generated)
		}
		return false
	}
	if err != nil {
		return false
	}
	byMap := len(request.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders()) == 0
	want := sorted(translated(request), byMap)
	if diff := cmp.Diff(want, sorted(got, byMap), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read differently (-generated +raw)\n%s", diff)
	}
	return true
}

func TestChecksAreReadAlike(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*authv3.CheckRequest{"whole": whole(t), "older": older(), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := encode(t, m)
			if !compare(t, data) {
				t.Error("refused")
			}
			for n := range data {
				compare(t, data[:n])
			}
			bend(data, func(bent []byte) { compare(t, bent) })
		})
	}
}

// bend visits what becomes of data when one byte of it is another.
func bend(data []byte, visit func([]byte)) {
	bent := slices.Clone(data)
	for i, b := range data {
		for _, other := range [][]byte{{0, b + 1, b ^ 8}, {0x7f, b ^ 0x80, b ^ 0x10}}[i%2] {
			bent[i] = other
			visit(bent)
		}
		bent[i] = b
	}
}

// TestChecksThatAreRefused holds where the wire is read more strictly than by the generated code.
func TestChecksThatAreRefused(t *testing.T) {
	t.Parallel()
	nested := structpb.NewStringValue("x")
	for range 200 {
		nested = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{nested}})
	}
	deep := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{MetadataContext: &corev3.Metadata{
		FilterMetadata: map[string]*structpb.Struct{"x": {Fields: map[string]*structpb.Value{"y": nested}}},
	}}}
	many := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{HeaderMap: &corev3.HeaderMap{Headers: make([]*corev3.HeaderValue, 8193)}},
	}}}
	for i := range many.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		many.Attributes.Request.Http.HeaderMap.Headers[i] = &corev3.HeaderValue{}
	}
	attributes := func(fields ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), fields)
	}
	for name, data := range map[string][]byte{
		"wrong-wire-type":         {0x08, 1},
		"group":                   {0x0b, 0x0c},
		"field-twice":             append(attributes(), attributes()...),
		"oneof-twice":             attributes(0x0a, 6, 0x0a, 4, 0x12, 0, 0x1a, 0),
		"extension-twice":         attributes(0x52, 3, 0x0a, 1, 'k', 0x52, 3, 0x0a, 1, 'k'),
		"header-of-the-map-twice": attributes(0x22, 12, 0x12, 10, 0x1a, 3, 0x0a, 1, 'k', 0x1a, 3, 0x0a, 1, 'k'),
		"nested-deep":             encode(t, deep),
		"many-fields":             encode(t, many),
	} {
		if err := proto.Unmarshal(data, &authv3.CheckRequest{}); err != nil {
			t.Errorf("%s: the generated code refuses it too: %v", name, err)
		}
		if got, err := envoywire.ParseCheck(data); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

// real returns a check as Envoy sent it.
func real(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/envoy-1.40.0-check.bin")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestChecksOfEnvoyAreRead(t *testing.T) {
	t.Parallel()
	data := real(t)
	if !compare(t, data) {
		t.Fatal("refused")
	}
	check, err := envoywire.ParseCheck(data)
	if err != nil {
		t.Fatal(err)
	}
	media, _ := check.Header.Get("content-type")
	got := []string{check.Method, check.Scheme, check.Authority, check.Path, media, check.Extensions.Get(FormExtension)}
	want := []string{"POST", "http", "127.0.0.1:40853", "/agents/liar/lf.a2a.v1.A2AService/SendMessage", "application/grpc", PathForm}
	if diff := cmp.Diff(want, got); diff != "" || len(check.Header) != 13 {
		t.Errorf("%d fields (-want +got)\n%s", len(check.Header), diff)
	}
}

func FuzzCheckRequest(f *testing.F) {
	f.Add(real(f))
	f.Add(encode(f, whole(f)))
	f.Add(encode(f, older()))
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, data) })
}

// FuzzVerdict holds what is written against what the generated code writes.
func FuzzVerdict(f *testing.F) {
	f.Add(true, "4\nid\nx", "timeout", "1000", []byte(nil), 0, 0)
	f.Add(false, "", "content-type", "application/json", []byte(`{"error":{}}`), 403, 7)
	f.Add(false, "", "", "", []byte(nil), 0, 0)
	f.Fuzz(func(t *testing.T, allowed bool, passage, name, value string, body []byte, status, code int) {
		fields := [][2]string{{name, value}, {"x-other", value}}
		v := &envoywire.Verdict{Allowed: allowed, Passage: passage}
		if allowed {
			v.Request, v.Answer = fields, fields[:1]
		} else {
			v.Code, v.Status, v.Header, v.Body = int(int32(code)), int(int32(status)), fields, body
		}
		want := written(v)
		encoded, err := proto.Marshal(want)
		if err != nil {
			return // texts that are no UTF-8
		}
		sent, err := envoywire.Codec().Marshal(v.Frame())
		if err != nil {
			t.Fatal(err)
		}
		got, direct := &authv3.CheckResponse{}, &authv3.CheckResponse{}
		if err := proto.Unmarshal(sent.Materialize(), got); err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(encoded, direct); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(direct, got, protocmp.Transform()); diff != "" {
			t.Errorf("written differently (-generated +raw)\n%s", diff)
		}
		if (got.GetStatus().GetCode() == 0) != allowed {
			t.Errorf("status %d", got.GetStatus().GetCode())
		}
	})
}
