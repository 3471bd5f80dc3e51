package extproc

import (
	"os"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
)

// spoken returns messages of every part with everything that Envoy can put into them.
func spoken() map[string]*extprocv3.ProcessingRequest {
	fields := &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
		{Key: ":method", RawValue: []byte("POST")},
		{Key: ":path", RawValue: []byte("/agents/ledger")},
		{Key: ":status", RawValue: []byte("200")},
		{Key: "X-Twice", RawValue: []byte("one")},
		{Key: "x-twice", Value: "two"},
		{Key: "x-bytes", RawValue: []byte{0xff}},
	}}
	said := func() *extprocv3.ProcessingRequest {
		left := envoyhttp.Passage("4\nid\n0")
		left.Fields["ext_authz_duration"] = structpb.NewNumberValue(1)
		return &extprocv3.ProcessingRequest{
			MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
				envoywire.MetadataNamespace: left, "envoy.filters.http.jwt_authn": envoyhttp.Passage("x"),
			}},
			Attributes: map[string]*structpb.Struct{envoywire.AttributesKey: {Fields: map[string]*structpb.Value{
				envoywire.SourceAttribute: structpb.NewStringValue(envoywire.FromAgent),
				"connection.mtls":         structpb.NewBoolValue(true),
				"list":                    structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNullValue()}}),
			}}},
			ProtocolConfig: &extprocv3.ProtocolConfiguration{
				RequestBodyMode: filterv3.ProcessingMode_BUFFERED, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED,
			},
		}
	}
	messages := map[string]*extprocv3.ProcessingRequest{"nothing": {}}
	for _, name := range []string{"request-headers", "request-body", "request-trailers", "response-headers", "response-body", "response-trailers"} {
		messages[name] = said()
	}
	messages["request-headers"].Request = &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: fields}}
	messages["request-body"].Request = &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: []byte("{}"), EndOfStream: true}}
	messages["request-trailers"].Request = &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{Trailers: fields}}
	answered := &extprocv3.HttpHeaders{Headers: fields, EndOfStream: true}
	//lint:ignore SA1019 Envoys that still send it are read too
	answered.Attributes = map[string]*structpb.Struct{"older": envoyhttp.Passage("x")}
	messages["response-headers"].Request = &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: answered}
	messages["response-body"].Request = &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte("data: {}\n\n"), GrpcMessageCompressed: true}}
	messages["response-trailers"].Request = &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{Trailers: fields}}
	return messages
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// compare holds what is read of the wire against what the generated code makes of the same bytes: what that refuses is
// refused, and what both take is the same.
func compare(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	got := envoywire.Message{Part: envoywire.ResponseBody, Body: []byte("what it held before"), Passage: "before"}
	err := got.Parse(data)
	request := &extprocv3.ProcessingRequest{}
	if generated := proto.Unmarshal(data, request); generated != nil {
		if err == nil {
			t.Errorf("took what the generated code refuses with %v", generated)
		}
		return false
	}
	if err != nil {
		if diff := cmp.Diff(envoywire.Message{}, got); diff != "" {
			t.Errorf("a message that is refused holds\n%s", diff)
		}
		return false
	}
	if diff := cmp.Diff(translated(request), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read differently (-generated +raw)\n%s", diff)
	}
	return true
}

func TestMessagesAreReadAlike(t *testing.T) {
	t.Parallel()
	for name, m := range spoken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := encode(t, m)
			if !compare(t, data) {
				t.Error("refused")
			}
			for n := range data {
				compare(t, data[:n])
			}
			bent := slices.Clone(data)
			for i, b := range data {
				for _, other := range [][]byte{{0, b + 1, b ^ 8}, {0x7f, b ^ 0x80, b ^ 0x10}}[i%2] {
					bent[i] = other
					compare(t, bent)
				}
				bent[i] = b
			}
		})
	}
}

// TestMessagesThatAreRefused holds where the wire is read more strictly than by the generated code.
func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	field := func(number protowire.Number, content ...string) string {
		return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), strings.Join(content, "")))
	}
	left := func(text string) string {
		return field(1, field(1, envoywire.PassageKey), field(2, field(3, text)))
	}
	namespace := func(left ...string) string {
		return field(1, field(1, envoywire.MetadataNamespace), field(2, left...))
	}
	for name, text := range map[string]string{
		"group":           field(2) + "\x73\x74",
		"wrong-wire-type": field(4, "\x0d\x00\x00\x00\x00"),
		"two-parts":       field(2) + field(4),
		"one-part-twice":  field(4) + field(4),
		"end-twice":       field(4, "\x10\x00\x10\x01"),
		"passage-twice":   field(2) + field(8, namespace(left("a"), left("b"))),
		"namespace-twice": field(2) + field(8, namespace(left("a")), namespace(left("a"))),
	} {
		data := []byte(text)
		if err := proto.Unmarshal(data, &extprocv3.ProcessingRequest{}); err != nil {
			t.Errorf("%s: the generated code refuses it too: %v", name, err)
		}
		var m envoywire.Message
		if err := m.Parse(data); err == nil {
			t.Errorf("%s: read as %+v", name, m)
		}
	}
	var m envoywire.Message
	if err := m.Parse([]byte(field(2) + field(8, namespace(left("a"))))); err != nil || m.Passage != "a" {
		t.Errorf("read %+v, error %v", m, err)
	}
	// What a newer Envoy may send besides is passed over; a part of a kind that is not known is none.
	if err := m.Parse([]byte(field(4, "\x0a\x01x\x30\x01") + field(1000, "new"))); err != nil || m.Part != envoywire.RequestBody || string(m.Body) != "x" {
		t.Errorf("read %+v, error %v", m, err)
	}
	if err := m.Parse([]byte(field(14))); err != nil || m.Part != envoywire.NoPart {
		t.Errorf("read %+v, error %v", m, err)
	}
}

// real returns a message as Envoy sent it.
func real(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/envoy-1.40.0-" + name + ".bin")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// TestMessagesOfEnvoyAreRead reads one of each part of a gRPC call; the one that ends in trailers is another.
func TestMessagesOfEnvoyAreRead(t *testing.T) {
	t.Parallel()
	type gist struct {
		Part         envoywire.Part
		Path, Status string
		Fields, Body int
		End, Left    bool
		Source       string
		RequestMode  envoywire.BodyMode
	}
	for name, want := range map[string]gist{
		"request-headers":   {Part: envoywire.RequestHeaders, Path: "/agents/liar/lf.a2a.v1.A2AService/SendMessage", Fields: 14, Left: true, RequestMode: envoywire.BodyBuffered},
		"request-body":      {Part: envoywire.RequestBody, Body: 14, End: true},
		"request-trailers":  {Part: envoywire.RequestTrailers, Fields: 1, End: true},
		"response-headers":  {Part: envoywire.ResponseHeaders, Status: "200", Fields: 3, Left: true, Source: envoywire.FromAgent},
		"response-body":     {Part: envoywire.ResponseBody, Body: 20},
		"response-trailers": {Part: envoywire.ResponseTrailers, Fields: 2, End: true},
	} {
		data := real(t, name)
		if !compare(t, data) {
			t.Errorf("%s is refused", name)
		}
		var m envoywire.Message
		if err := m.Parse(data); err != nil {
			t.Fatal(err)
		}
		got := gist{m.Part, m.Pseudo.Path, m.Pseudo.Status, len(m.Header), len(m.Body), m.End, m.Passage != "", m.Source, m.RequestMode}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func FuzzProcessingRequest(f *testing.F) {
	for _, name := range []string{"request-headers", "request-body", "response-headers", "response-trailers"} {
		f.Add(real(f, name))
	}
	for _, m := range spoken() {
		f.Add(encode(f, m))
	}
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, data) })
}

// same holds what is written against what the generated code writes.
func same(t *testing.T, r *envoywire.Reply) {
	t.Helper()
	encoded, err := proto.Marshal(written(r))
	if err != nil {
		return // texts that are no UTF-8
	}
	sent, err := envoywire.Codec().Marshal(r.Frame())
	if err != nil {
		t.Fatal(err)
	}
	got, want := &extprocv3.ProcessingResponse{}, &extprocv3.ProcessingResponse{}
	if err := proto.Unmarshal(sent.Materialize(), got); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(encoded, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%+v is written differently (-generated +raw)\n%s", r, diff)
	}
}

func TestRepliesAreWrittenAlike(t *testing.T) {
	t.Parallel()
	for part := envoywire.NoPart; part <= envoywire.ResponseTrailers; part++ {
		for _, r := range []envoywire.Reply{
			{Next: envoywire.NextAnswer},
			{},
			{Ask: true},
			{End: true},
			{Remove: []string{"signature", "content-digest"}},
			{Set: [][2]string{{":method", "POST"}, {"x-empty", ""}}, Replace: true, Body: []byte("{}")},
			{Set: [][2]string{{"grpc-status", "7"}}, Status: 403, Details: "ringfence_ring", Body: make([]byte, 2<<10), End: true},
			{Status: -1},
		} {
			r.Part = part
			same(t, &r)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add(uint8(0), uint8(0), "content-type", "application/json", "ringfence_ring", []byte("{}"), 403)
	f.Add(uint8(1), uint8(3), ":path", "/a", "", []byte("{}"), 0)
	f.Add(uint8(5), uint8(4), "", "", "", []byte("data: {}\n\n"), 0)
	f.Fuzz(func(t *testing.T, part, flags uint8, name, value, details string, body []byte, status int) {
		r := &envoywire.Reply{
			Part: envoywire.Part(part % 7), Ask: flags&1 != 0, Replace: flags&2 != 0, End: flags&4 != 0,
			Body: body, Status: int(int32(status)), Details: details,
		}
		if flags&8 == 0 {
			r.Set = [][2]string{{name, value}, {value, name}}
		}
		if flags&16 != 0 {
			r.Remove = []string{name, ""}
		}
		same(t, r)
	})
}
