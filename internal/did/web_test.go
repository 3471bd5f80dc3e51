package did_test

import (
	"net/url"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/did"
)

func TestParseWeb(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, did, url, host, port string }{
		{"host", "did:web:w3c-ccg.github.io", "https://w3c-ccg.github.io/.well-known/did.json", "w3c-ccg.github.io", "443"},
		{"path", "did:web:w3c-ccg.github.io:user:alice", "https://w3c-ccg.github.io/user/alice/did.json", "w3c-ccg.github.io", "443"},
		{"port", "did:web:example.com%3A3000", "https://example.com:3000/.well-known/did.json", "example.com", "3000"},
		{"port-and-path", "did:web:host.example%3A8443:a:b", "https://host.example:8443/a/b/did.json", "host.example", "8443"},
		{"case-in-path", "did:web:example.com:Alice_1.2-x", "https://example.com/Alice_1.2-x/did.json", "example.com", "443"},
		{"escapes-in-path", "did:web:example.com:%C3%A9:a%7Eb%20c%3Ad", "https://example.com/%C3%A9/a%7Eb%20c%3Ad/did.json", "example.com", "443"},
		{"dot-file", "did:web:example.com:.a", "https://example.com/.a/did.json", "example.com", "443"},
		{"punycode", "did:web:xn--bcher-kva.example", "https://xn--bcher-kva.example/.well-known/did.json", "xn--bcher-kva.example", "443"},
		{"digits-in-host", "did:web:1.2.3.4.in-addr.arpa", "https://1.2.3.4.in-addr.arpa/.well-known/did.json", "1.2.3.4.in-addr.arpa", "443"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			web, err := did.ParseWeb(test.did)
			if err != nil {
				t.Fatal(err)
			}
			if web.URL() != test.url || web.Host() != test.host || web.Port() != test.port || web.String() != test.did {
				t.Errorf("%s: %s at %s port %s, printed %s", test.did, web.URL(), web.Host(), web.Port(), web)
			}
		})
	}
}

func TestParseWebRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, did string }{
		{"empty", ""},
		{"no-host", "did:web:"},
		{"other-method", "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"},
		{"upper-case-method", "did:WEB:example.com"},
		{"upper-case-host", "did:web:Example.com"},
		{"single-label", "did:web:localhost"},
		{"single-label-with-port", "did:web:metadata%3A80"},
		{"ipv4", "did:web:169.254.169.254"},
		{"ipv4-short", "did:web:127.1"},
		{"ipv4-hexadecimal", "did:web:0x7f.0x1"},
		{"ipv4-octal-last", "did:web:a.0177"},
		{"ipv6", "did:web:[%3A%3A1]"},
		{"ipv6-escaped", "did:web:%5B%3A%3A1%5D"},
		{"dot-at-end", "did:web:example.com."},
		{"empty-label", "did:web:example..com"},
		{"underscore", "did:web:a_b.example"},
		{"hyphen-first", "did:web:-a.example"},
		{"hyphens-of-no-encoding", "did:web:ab--c.example"},
		{"bad-punycode", "did:web:xn--a.example"},
		{"unicode-host", "did:web:bücher.example"},
		{"long-label", "did:web:" + strings.Repeat("a", 64) + ".example"},
		{"long-host", "did:web:" + strings.Repeat("a.", 127) + "example"},
		{"long", "did:web:example.com:" + strings.Repeat("a", did.MaxDID)},
		{"user-information", "did:web:user@example.com"},
		{"user-information-escaped", "did:web:user%40example.com"},
		{"slash", "did:web:example.com/a"},
		{"slash-escaped-in-host", "did:web:example.com%2Fa"},
		{"slash-escaped-in-path", "did:web:example.com:a%2Fb"},
		{"backslash-escaped", "did:web:example.com:a%5Cb"},
		{"fragment", "did:web:example.com#k1"},
		{"query", "did:web:example.com?a=b"},
		{"parameter", "did:web:example.com;a=b"},
		{"port-lower-case-escape", "did:web:example.com%3a8443"},
		{"port-bare", "did:web:example.com%3A"},
		{"port-default", "did:web:example.com%3A443"},
		{"port-zero", "did:web:example.com%3A0"},
		{"port-with-zero", "did:web:example.com%3A08443"},
		{"port-too-high", "did:web:example.com%3A65536"},
		{"two-ports", "did:web:example.com%3A1%3A2"},
		{"host-escaped", "did:web:%65xample.com"},
		{"dot-escaped", "did:web:example%2Ecom"},
		{"empty-segment", "did:web:example.com:a::b"},
		{"empty-path", "did:web:example.com:"},
		{"dot-segment", "did:web:example.com:."},
		{"dots", "did:web:example.com:..:a"},
		{"dots-inside", "did:web:example.com:a..b"},
		{"dots-escaped", "did:web:example.com:%2E%2E"},
		{"dot-at-end-of-segment", "did:web:example.com:a."},
		{"well-known", "did:web:example.com:.well-known"},
		{"escape-not-needed", "did:web:example.com:%61"},
		{"escape-lower-case", "did:web:example.com:%c3%a9"},
		{"escape-of-percent", "did:web:example.com:%252F"},
		{"escape-cut", "did:web:example.com:a%7"},
		{"escape-of-nothing", "did:web:example.com:%zz"},
		{"escape-of-control", "did:web:example.com:%0A"},
		{"escape-of-nul", "did:web:example.com:%00"},
		{"escapes-not-utf8", "did:web:example.com:%C3"},
		{"tilde", "did:web:example.com:~a"},
		{"white-space", "did:web:example.com "},
		{"line-end", "did:web:example.com\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if web, err := did.ParseWeb(test.did); err == nil {
				t.Errorf("%q leads to %s", test.did, web.URL())
			} else if web != (did.Web{}) {
				t.Errorf("a DID came with the error %v", err)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		list   []string
		yes    []string
		no     []string
		refuse bool
	}{
		{"empty", nil, nil, []string{"did:web:a.example"}, false},
		{"exact", []string{"a.example"}, []string{"did:web:a.example", "did:web:a.example:x"}, []string{"did:web:b.a.example", "did:web:aa.example", "did:web:a.example%3A8443"}, false},
		{"below", []string{"*.a.example"}, []string{"did:web:b.a.example", "did:web:c.b.a.example"}, []string{"did:web:a.example", "did:web:ba.example", "did:web:b.a.example%3A8443"}, false},
		{"port", []string{"a.example:8443"}, []string{"did:web:a.example%3A8443"}, []string{"did:web:a.example", "did:web:a.example%3A8444"}, false},
		{"port-of-all-below", []string{"*.a.example:8443"}, []string{"did:web:b.a.example%3A8443"}, []string{"did:web:b.a.example"}, false},
		{"second-entry", []string{"a.example", "b.example"}, []string{"did:web:b.example"}, nil, false},
		{"everything", []string{"*"}, nil, nil, true},
		{"whole-domain", []string{"*.example"}, nil, nil, true},
		{"star-inside", []string{"a.*.example"}, nil, nil, true},
		{"address", []string{"127.0.0.1"}, nil, nil, true},
		{"upper-case", []string{"A.example"}, nil, nil, true},
		{"url", []string{"https://a.example"}, nil, nil, true},
		{"bad-port", []string{"a.example:0"}, nil, nil, true},
		{"blank", []string{""}, nil, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hosts, err := did.ParseHosts(test.list)
			if (err != nil) != test.refuse {
				t.Fatalf("error %v", err)
			}
			for _, text := range test.yes {
				if !hosts.Allow(web(t, text)) {
					t.Errorf("%s is not allowed", text)
				}
			}
			for _, text := range test.no {
				if hosts.Allow(web(t, text)) {
					t.Errorf("%s is allowed", text)
				}
			}
		})
	}
}

func web(t *testing.T, text string) did.Web {
	t.Helper()
	w, err := did.ParseWeb(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return w
}

// Laws: a DID that parses is printed as it was, and whoever reads its URL finds the host and port that it shows.
func FuzzParseWeb(f *testing.F) {
	for _, seed := range []string{
		"did:web:w3c-ccg.github.io", "did:web:example.com%3A3000:user:alice", "did:web:example.com:%C3%A9", "did:web:xn--bcher-kva.example",
		"did:web:example.com:a%2Fb", "did:web:127.0.0.1", "did:web:user@example.com:..", "did:web:a.b%3A65535:%3F:%23",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		web, err := did.ParseWeb(text)
		if err != nil {
			return
		}
		if web.String() != text {
			t.Fatalf("%q is printed as %q", text, web)
		}
		again, err := did.ParseWeb(web.String())
		if err != nil || again != web {
			t.Fatalf("%q parses differently once printed: %v", text, err)
		}
		u, err := url.Parse(web.URL())
		if err != nil || u.Scheme != "https" || u.Hostname() != web.Host() || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q leads to %s", text, web.URL())
		}
		if port := u.Port(); port != "" && port != web.Port() || "https://"+u.Host+u.EscapedPath() != web.URL() {
			t.Fatalf("%q leads to %s, which is read as %s", text, web.URL(), u)
		}
		if !strings.HasPrefix(text, "did:web:"+web.Host()) || strings.Contains(u.EscapedPath(), "..") || strings.Contains(u.EscapedPath(), "//") {
			t.Fatalf("%q leads to %s", text, web.URL())
		}
	})
}
