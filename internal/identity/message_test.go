package identity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderGetAndValues(t *testing.T) {
	t.Parallel()
	h := Header{{"a", "1"}, {"b", ""}, {"a", "2"}}
	if value, ok := h.Get("a"); value != "1" || !ok {
		t.Errorf("Get(a) = %q, %v, want the first value", value, ok)
	}
	if value, ok := h.Get("b"); value != "" || !ok {
		t.Errorf("Get(b) = %q, %v, want an empty value that is present", value, ok)
	}
	if _, ok := h.Get("c"); ok {
		t.Error("Get(c) found a field that is not there")
	}
	if diff := cmp.Diff([]string{"1", "2"}, h.Values("a")); diff != "" {
		t.Errorf("Values(a) (-want +got):\n%s", diff)
	}
}

// The cases are the examples of RFC 9421 section 2.1 and its rules.
func TestCombinedFields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"plain", []string{"Tue, 20 Apr 2021 02:07:56 GMT"}, "Tue, 20 Apr 2021 02:07:56 GMT"},
		{"white-space-around", []string{"  Leading and trailing whitespace.   "}, "Leading and trailing whitespace."},
		{"obsolete-folding", []string{"Obsolete\r\n    line folding."}, "Obsolete line folding."},
		{"folding-after-space", []string{"Obsolete \t\r\n\tline folding."}, "Obsolete line folding."},
		{"folding-in-second-line", []string{"a ", "b\r\n c"}, "a, b c"},
		{"bare-line-feed-fold", []string{"a\n b"}, "a b"},
		{"two-lines", []string{"max-age=60", "   must-revalidate"}, "max-age=60, must-revalidate"},
		{"inner-space-stays", []string{"a=1,    b=2;x=1;y=2,   c=(a   b   c)"}, "a=1,    b=2;x=1;y=2,   c=(a   b   c)"},
		{"empty", []string{""}, ""},
		{"empty-among-others", []string{"a", "", "b"}, "a, , b"},
		{"line-end-without-fold-stays", []string{"a\r\nb: c"}, "a\r\nb: c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := Header{{"other", "x"}}
			for _, line := range tt.lines {
				h = append(h, Field{"f", line})
			}
			got, ok := h.combined("f")
			if !ok {
				t.Error("combined did not find the field")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("combined (-want +got):\n%s", diff)
			}
			appended, _ := h.appendCombined([]byte("f: "), "f")
			if diff := cmp.Diff("f: "+tt.want, string(appended)); diff != "" {
				t.Errorf("appendCombined (-want +got):\n%s", diff)
			}
		})
	}
	if _, ok := (Header{}).combined("f"); ok {
		t.Error("combined found a field that is not there")
	}
}

func TestDerivedComponents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		component string
		message   Message
		want      string
	}{
		{"method", "@method", Message{Method: "POST"}, "POST"},
		{"method-case-stays", "@method", Message{Method: "pOsT"}, "pOsT"},
		{"path", "@path", Message{Path: "/path"}, "/path"},
		{"empty-path", "@path", Message{}, "/"},
		{"path-stays-encoded", "@path", Message{Path: "/a%2Fb/%e2"}, "/a%2Fb/%e2"},
		{"query", "@query", Message{RawQuery: "param=value&foo=bar&baz=bat%2Dman", HasQuery: true}, "?param=value&foo=bar&baz=bat%2Dman"},
		{"empty-query", "@query", Message{HasQuery: true}, "?"},
		{"no-query", "@query", Message{}, "?"},
		{"authority-lower-case", "@authority", Message{Authority: "WWW.Example.com"}, "www.example.com"},
		{"authority-http-default", "@authority", Message{Scheme: "http", Authority: "example.com:80"}, "example.com"},
		{"authority-https-default", "@authority", Message{Scheme: "https", Authority: "example.com:443"}, "example.com"},
		{"authority-http-443", "@authority", Message{Scheme: "http", Authority: "example.com:443"}, "example.com:443"},
		{"authority-https-80", "@authority", Message{Scheme: "https", Authority: "example.com:80"}, "example.com:80"},
		{"authority-unknown-scheme", "@authority", Message{Authority: "example.com:80"}, "example.com:80"},
		{"authority-empty-port", "@authority", Message{Authority: "example.com:"}, "example.com"},
		{"authority-other-port", "@authority", Message{Scheme: "http", Authority: "example.com:8080"}, "example.com:8080"},
		{"authority-ipv6", "@authority", Message{Scheme: "http", Authority: "[::80]"}, "[::80]"},
		{"authority-ipv6-default", "@authority", Message{Scheme: "http", Authority: "[::1]:80"}, "[::1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.message.appendComponent(nil, tt.component)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("component (-want +got):\n%s", diff)
			}
		})
	}
}
