package envoyhttp

import (
	"testing"
	"testing/quick"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/identity"
)

func TestHeader(t *testing.T) {
	t.Parallel()
	got, pseudo := Header([]*corev3.HeaderValue{
		{Key: ":method", RawValue: []byte("POST")},
		{Key: ":path", Value: "/a?b"},
		{Key: "X-Twice", RawValue: []byte("one")},
		{Key: "plain", Value: "v"},
		{Key: "x-twice", RawValue: []byte("two"), Value: "ignored"},
		nil,
	})
	want := identity.Header{{Name: "x-twice", Value: "one"}, {Name: "plain", Value: "v"}, {Name: "x-twice", Value: "two"}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(envoywire.Pseudo{Method: "POST", Path: "/a?b"}, pseudo); diff != "" {
		t.Errorf("pseudo-headers (-want +got)\n%s", diff)
	}
}

func TestPassageRoundTrip(t *testing.T) {
	t.Parallel()
	round := func(value string) bool {
		metadata := &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{MetadataNamespace: Passage(value)}}
		got := PassageText(metadata)
		return got == value || !valid(value)
	}
	if err := quick.Check(round, nil); err != nil {
		t.Error(err)
	}
}

func valid(s string) bool {
	for _, c := range s {
		if c == '\uFFFD' {
			return false
		}
	}
	return true
}

// TestPassageOfOthers wants nothing read that Ringfence did not write.
func TestPassageOfOthers(t *testing.T) {
	t.Parallel()
	other, err := structpb.NewStruct(map[string]any{"ringfence": map[string]any{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, metadata := range map[string]*corev3.Metadata{
		"nil":             nil,
		"empty":           {},
		"other-namespace": {FilterMetadata: map[string]*structpb.Struct{"envoy.filters.http.jwt_authn": Passage("v")}},
		"not-a-string":    {FilterMetadata: map[string]*structpb.Struct{MetadataNamespace: other}},
	} {
		if got := PassageText(metadata); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
