package callback_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence.dev/ringfence/internal/callback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// names is a resolver that knows a few names, and counts what it is asked.
type names struct {
	addrs map[string][]string
	err   error

	mu    sync.Mutex
	asked []string
}

func (n *names) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host)
	if network != "ip" || n.err != nil {
		return nil, n.err
	}
	texts, ok := n.addrs[strings.TrimSuffix(host, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

func (n *names) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.asked)
}

func world() *names {
	return &names{addrs: map[string][]string{
		"hooks.example.com":         {"93.184.216.34", "2606:2800:220:1::1"},
		"deep.hooks.example.com":    {"93.184.216.34"},
		"example.com":               {"93.184.216.34"},
		"evil-example.com":          {"93.184.216.34"},
		"under_score.example.com":   {"93.184.216.34"},
		"xn--bcher-kva.example":     {"93.184.216.34"},
		"private.example.com":       {"10.1.2.3"},
		"half.example.com":          {"93.184.216.34", "127.0.0.1"},
		"half6.example.com":         {"93.184.216.34", "::1"},
		"metadata.example.com":      {"169.254.169.254"},
		"mapped.example.com":        {"::ffff:127.0.0.1"},
		"nat64.example.com":         {"64:ff9b::7f00:1"},
		"6to4.example.com":          {"2002:7f00:1::"},
		"linklocal.example.com":     {"fe80::1%eth0"},
		"unspecified.example.com":   {"0.0.0.0"},
		"cgnat.example.com":         {"100.64.0.1"},
		"broadcast.example.com":     {"255.255.255.255"},
		"unique.example.com":        {"fd00:ec2::254"},
		"empty.example.com":         {},
		"gateway.example.com":       {"198.35.26.96"},
		"points-to-api.example.com": {"198.35.26.97"},
		"intranet":                  {"93.184.216.34"},
		"agent.corp":                {"10.9.0.7"},
		"127.0.0.1.nip.example.com": {"127.0.0.1"},
		"localhost":                 {"93.184.216.34"},
		"a.localhost":               {"93.184.216.34"},
	}}
}

func compile(t testing.TB, change func(*callback.Config)) *callback.Policy {
	t.Helper()
	config := callback.Config{
		Schemes: []string{"https", "http"}, Resolver: world(), Now: func() time.Time { return epoch },
		Own: func(host, port string) bool {
			return host == "gateway.example.com" && port == "443" || host == "198.35.26.97" && port == "15080" || host == "127.0.0.1" && port == "15080"
		},
	}
	if change != nil {
		change(&config)
	}
	policy, err := callback.Compile(config)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// word returns why a URL is refused, ok when it is not.
func word(t testing.TB, p *callback.Policy, raw string) string {
	t.Helper()
	refusal := p.Check(t.Context(), raw)
	if refusal == nil {
		return "ok"
	}
	if refusal.Detail == "" || refusal.Error() != refusal.Reason+": "+refusal.Detail {
		t.Errorf("Check(%q) = %+v: it does not say why", raw, refusal)
	}
	return strings.TrimPrefix(refusal.Reason, "callback-")
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	p := compile(t, nil)
	for _, raw := range []string{
		"https://hooks.example.com",
		"https://hooks.example.com/",
		"https://hooks.example.com/a/b?x=1&y=%20",
		"HTTPS://Hooks.EXAMPLE.com/Path",
		"http://hooks.example.com/a",
		"https://hooks.example.com:443/a",
		"https://hooks.example.com:8443/a",
		"https://hooks.example.com/@user/a",
		"https://hooks.example.com/a:b@c",
		"https://hooks.example.com/?next=https://10.0.0.1/",
		"https://hooks.example.com//a/../b",
		"https://under_score.example.com/",
		"https://xn--bcher-kva.example/",
		"https://93.184.216.34/",
		"https://93.184.216.34:8443/",
		"https://[2606:2800:220:1::1]/",
		"https://[2606:2800:220:1::1]:8443/",
		"https://[::ffff:93.184.216.34]/",
		"https://gateway.example.com:8443/",
		"https://hooks.example.com/" + strings.Repeat("a", callback.MaxURL-26),
	} {
		if got := word(t, p, raw); got != "ok" {
			t.Errorf("Check(%q) = %s", raw, got)
		}
	}
}

func TestTricks(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, want string }{
		{"empty", "", "malformed"},
		{"too-long", "https://hooks.example.com/" + strings.Repeat("a", callback.MaxURL-25), "malformed"},
		{"relative", "/hook", "malformed"},
		{"scheme-relative", "//hooks.example.com/", "malformed"},
		{"no-slashes", "https:hooks.example.com", "malformed"},
		{"one-slash", "https:/hooks.example.com", "malformed"},
		{"three-slashes", "https:///hooks.example.com/", "malformed"},
		{"four-slashes", "https:////hooks.example.com/", "malformed"},
		{"no-host", "https://", "malformed"},
		{"port-alone", "https://:443/", "malformed"},
		{"file", "file:///etc/passwd", "scheme"},
		{"gopher", "gopher://hooks.example.com/_x", "scheme"},
		{"ftp", "ftp://hooks.example.com/", "scheme"},
		{"javascript", "javascript://hooks.example.com/%0aalert(1)", "scheme"},
		{"unix-socket", "http+unix://%2Fvar%2Frun%2Fdocker.sock/x", "malformed"},
		{"jar", "jar:https://hooks.example.com!/", "malformed"},
		{"scheme-with-space", " https://hooks.example.com/", "malformed"},
		{"scheme-with-tab", "ht\ttps://hooks.example.com/", "malformed"},
		{"user", "https://user@hooks.example.com/", "malformed"},
		{"user-and-password", "https://user:secret@hooks.example.com/", "malformed"},
		{"empty-user", "https://@hooks.example.com/", "malformed"},
		{"host-as-user", "https://hooks.example.com@10.0.0.1/", "malformed"},
		{"two-ats", "https://a@hooks.example.com@10.0.0.1/", "malformed"},
		{"escaped-at", "https://hooks.example.com%40@10.0.0.1/", "malformed"},
		{"backslash-before-at", `https://hooks.example.com\@10.0.0.1/`, "malformed"},
		{"backslash-as-slash", `https://hooks.example.com\.10.0.0.1/`, "malformed"},
		{"backslashes-as-slashes", `https:\\10.0.0.1\`, "malformed"},
		{"backslash-in-path", `https://hooks.example.com/\10.0.0.1`, "malformed"},
		{"at-in-query-without-path", "https://hooks.example.com?@10.0.0.1/", "malformed"},
		{"query-without-path", "https://hooks.example.com?x=1", "malformed"},
		{"fragment", "https://hooks.example.com/#a", "malformed"},
		{"at-in-fragment", "https://hooks.example.com#@10.0.0.1/", "malformed"},
		{"semicolon", "https://hooks.example.com;10.0.0.1/", "malformed"},
		{"comma", "https://hooks.example.com,10.0.0.1/", "malformed"},
		{"space-in-host", "https://hooks.example.com 10.0.0.1/", "malformed"},
		{"newline-in-host", "https://hooks.example.com\n.10.0.0.1/", "malformed"},
		{"header-injection", "https://hooks.example.com/ HTTP/1.1\r\nX: y", "malformed"},
		{"tab-in-host", "https://127.\t0.0.1/", "malformed"},
		{"null", "https://hooks.example.com\x00.evil.example/", "malformed"},
		{"delete", "https://hooks.example.com\x7f/", "malformed"},
		{"escaped-host", "https://%31%30.0.0.1/", "malformed"},
		{"escaped-dot", "https://hooks%2eexample.com/", "malformed"},
		{"escaped-slash-in-host", "https://hooks.example.com%2f@10.0.0.1/", "malformed"},
		{"bad-escape", "https://hooks.example.com/%zz", "malformed"},
		{"cut-escape", "https://hooks.example.com/%2", "malformed"},
		{"full-width-digits", "https://１２７.0.0.1/", "malformed"},
		{"circled-digits", "https://①②⑦.0.0.1/", "malformed"},
		{"ideographic-stop", "https://127。0。0。1/", "malformed"},
		{"unicode-host", "https://bücher.example/", "malformed"},
		{"sharp-s", "https://faß.example/", "malformed"},
		{"soft-hyphen", "https://local\u00adhost/", "malformed"},
		{"invalid-utf8", "https://hooks.example.com\xff/", "malformed"},
		{"bad-punycode", "https://xn--a.example/", "malformed"},
		{"punycode-of-ascii", "https://xn--localhost-.example/", "malformed"},
		{"other-encoding", "https://zz--a.example.com/", "malformed"},
		{"dot-at-end", "https://hooks.example.com./", "malformed"},
		{"address-with-dot-at-end", "https://127.0.0.1./", "malformed"},
		{"two-dots", "https://hooks..example.com/", "malformed"},
		{"dot-first", "https://.example.com/", "malformed"},
		{"hyphen-first", "https://-a.example.com/", "malformed"},
		{"label-too-long", "https://" + strings.Repeat("a", 64) + ".example.com/", "malformed"},
		{"name-too-long", "https://" + strings.Repeat("a.", 130) + "example.com/", "malformed"},
		{"decimal", "https://2130706433/", "malformed"},
		{"octal", "https://017700000001/", "malformed"},
		{"hexadecimal", "https://0x7f000001/", "malformed"},
		{"hexadecimal-upper", "https://0X7F000001/", "malformed"},
		{"octal-parts", "https://0177.0.0.1/", "malformed"},
		{"hexadecimal-parts", "https://0x7f.0.0.1/", "malformed"},
		{"hexadecimal-last", "https://127.0.0.0x1/", "malformed"},
		{"empty-hexadecimal", "https://127.0.0.0x/", "malformed"},
		{"two-parts", "https://127.1/", "malformed"},
		{"three-parts", "https://10.0.1/", "malformed"},
		{"five-parts", "https://1.127.0.0.1/", "malformed"},
		{"leading-zeros", "https://127.0.0.01/", "malformed"},
		{"overflow", "https://256.256.256.256/", "malformed"},
		{"wrapped", "https://4294967297/", "malformed"},
		{"name-ending-in-number", "https://example.1/", "malformed"},
		{"zone", "https://[fe80::1%25eth0]/", "malformed"},
		{"zone-raw", "https://[fe80::1%eth0]/", "malformed"},
		{"no-brackets", "https://::1/", "malformed"},
		{"no-closing-bracket", "https://[::1/", "malformed"},
		{"text-after-bracket", "https://[2606:2800:220:1::1].example.com/", "malformed"},
		{"address-in-brackets", "https://[127.0.0.1]/", "malformed"},
		{"future-address", "https://[v1.fe80::a]/", "malformed"},
		{"brackets-twice", "https://[[::1]]/", "malformed"},
		{"empty-port", "https://hooks.example.com:/", "malformed"},
		{"port-zero", "https://hooks.example.com:0/", "malformed"},
		{"port-too-large", "https://hooks.example.com:65536/", "malformed"},
		{"port-wrapped", "https://hooks.example.com:65979/", "malformed"},
		{"port-with-zeros", "https://hooks.example.com:0443/", "malformed"},
		{"port-with-sign", "https://hooks.example.com:+443/", "malformed"},
		{"port-negative", "https://hooks.example.com:-1/", "malformed"},
		{"two-ports", "https://hooks.example.com:443:22/", "malformed"},
		{"port-of-ssh", "https://hooks.example.com:22/", "port"},
		{"port-of-smtp", "http://hooks.example.com:25/", "port"},
		{"port-of-other-scheme", "https://hooks.example.com:80/", "port"},
		{"port-of-irc", "https://hooks.example.com:6667/", "port"},
		{"port-of-sip", "https://hooks.example.com:5060/", "port"},
		{"loopback", "https://127.0.0.1/", "address"},
		{"loopback-other", "https://127.8.8.8/", "address"},
		{"loopback-6", "https://[::1]/", "address"},
		{"loopback-6-long", "https://[0:0:0:0:0:0:0:1]/", "address"},
		{"unspecified", "https://0.0.0.0/", "address"},
		{"unspecified-6", "https://[::]/", "address"},
		{"metadata", "http://169.254.169.254/latest/meta-data/", "address"},
		{"metadata-6", "http://[fd00:ec2::254]/latest/", "address"},
		{"private-10", "https://10.0.0.1/", "address"},
		{"private-172", "https://172.16.0.1/", "address"},
		{"private-192", "https://192.168.1.1/", "address"},
		{"shared", "https://100.64.0.1/", "address"},
		{"multicast", "https://224.0.0.1/", "address"},
		{"broadcast", "https://255.255.255.255/", "address"},
		{"mapped", "https://[::ffff:127.0.0.1]/", "address"},
		{"mapped-hexadecimal", "https://[::ffff:7f00:1]/", "address"},
		{"compatible", "https://[::127.0.0.1]/", "address"},
		{"nat64", "https://[64:ff9b::7f00:1]/", "address"},
		{"6to4", "https://[2002:7f00:1::]/", "address"},
		{"teredo", "https://[2001:0:7f00:1::]/", "address"},
		{"link-local-6", "https://[fe80::1]/", "address"},
		{"localhost", "https://localhost/", "address"},
		{"localhost-upper", "https://LOCALHOST/", "address"},
		{"below-localhost", "https://a.localhost/", "address"},
		{"single-label", "https://intranet/", "host"},
		{"unknown-name", "https://nowhere.example.com/", "address"},
		{"name-without-address", "https://empty.example.com/", "address"},
		{"name-private", "https://private.example.com/", "address"},
		{"name-half-private", "https://half.example.com/", "address"},
		{"name-half-private-6", "https://half6.example.com/", "address"},
		{"name-metadata", "https://metadata.example.com/", "address"},
		{"name-mapped", "https://mapped.example.com/", "address"},
		{"name-nat64", "https://nat64.example.com/", "address"},
		{"name-6to4", "https://6to4.example.com/", "address"},
		{"name-link-local", "https://linklocal.example.com/", "address"},
		{"name-unspecified", "https://unspecified.example.com/", "address"},
		{"name-shared", "https://cgnat.example.com/", "address"},
		{"name-broadcast", "https://broadcast.example.com/", "address"},
		{"name-unique-local", "https://unique.example.com/", "address"},
		{"name-like-address", "https://127.0.0.1.nip.example.com/", "address"},
		{"mesh-by-name", "https://gateway.example.com/", "mesh"},
		{"mesh-by-name-upper", "https://GATEWAY.example.com:443/", "mesh"},
		{"mesh-behind-name", "https://points-to-api.example.com:15080/", "mesh"},
		{"mesh-by-address", "https://198.35.26.97:15080/", "mesh"},
		{"mesh-by-mapped-address", "https://[::ffff:198.35.26.97]:15080/", "mesh"},
		{"mesh-by-localhost", "http://localhost:15080/", "mesh"},
	}
	p := compile(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := word(t, p, test.raw); got != test.want {
				t.Errorf("Check(%q) = %s, want %s", test.raw, got, test.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	allow := func(hosts ...string) func(*callback.Config) {
		return func(c *callback.Config) { c.Allow = hosts }
	}
	nets := func(prefixes ...string) func(*callback.Config) {
		return func(c *callback.Config) {
			for _, prefix := range prefixes {
				c.AllowedNetworks = append(c.AllowedNetworks, netip.MustParsePrefix(prefix))
			}
		}
	}
	tests := []struct {
		name   string
		change func(*callback.Config)
		want   map[string]string
	}{
		{"https-only", func(c *callback.Config) { c.Schemes = []string{"https"} }, map[string]string{
			"https://hooks.example.com/": "ok", "http://hooks.example.com/": "scheme",
		}},
		{"no-scheme", func(c *callback.Config) { c.Schemes = nil }, map[string]string{"https://hooks.example.com/": "scheme"}},
		{"one-host", allow("Hooks.example.com"), map[string]string{
			"https://hooks.example.com/": "ok", "https://hooks.example.com:8443/": "ok", "https://hooks.example.com:22/": "port",
			"https://deep.hooks.example.com/": "host", "https://example.com/": "host", "https://93.184.216.34/": "host",
		}},
		{"below-a-name", allow("*.example.com"), map[string]string{
			"https://hooks.example.com/": "ok", "https://deep.hooks.example.com/": "ok", "https://example.com/": "host",
			"https://evil-example.com/": "host", "https://private.example.com/": "address",
		}},
		{"with-a-port", allow("hooks.example.com:9443", "example.com:22"), map[string]string{
			"https://hooks.example.com:9443/": "ok", "https://hooks.example.com/": "host", "https://example.com:22/": "ok",
		}},
		{"addresses", allow("93.184.216.34", "[2606:2800:220:1::1]:8443"), map[string]string{
			"https://93.184.216.34/": "ok", "https://[::ffff:93.184.216.34]/": "ok", "https://[2606:2800:220:1:0::1]:8443/": "ok",
			"https://[2606:2800:220:1::1]/": "host", "https://hooks.example.com/": "host",
		}},
		{"single-label", allow("intranet"), map[string]string{"https://intranet/": "ok"}},
		{"listed-yet-private", allow("private.example.com", "127.0.0.1"), map[string]string{
			"https://private.example.com/": "address", "https://127.0.0.1/": "address",
		}},
		{"listed-yet-the-mesh", allow("gateway.example.com"), map[string]string{"https://gateway.example.com/": "mesh"}},
		{"network", nets("10.9.0.0/16"), map[string]string{
			"https://agent.corp/": "ok", "https://10.9.1.1/": "ok", "https://[::ffff:10.9.1.1]/": "ok", "https://10.8.1.1/": "address",
			"https://private.example.com/": "address", "https://hooks.example.com/": "ok",
		}},
		{"loopback", nets("127.0.0.0/8"), map[string]string{
			"http://localhost:9000/": "ok", "http://127.0.0.1:9000/": "ok", "http://[::1]:9000/": "address", "http://localhost:15080/": "mesh",
			"http://a.localhost/": "ok", "https://half.example.com/": "ok",
		}},
		{"no-resolver", func(c *callback.Config) { c.Resolver = nil }, map[string]string{
			"https://hooks.example.com/": "address", "https://93.184.216.34/": "ok",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, test.change)
			for raw, want := range test.want {
				if got := word(t, p, raw); got != want {
					t.Errorf("Check(%q) = %s, want %s", raw, got, want)
				}
			}
		})
	}
}

func TestZeroPolicy(t *testing.T) {
	t.Parallel()
	if got := word(t, &callback.Policy{}, "https://93.184.216.34/"); got == "ok" {
		t.Error("the zero policy accepts")
	}
}

func TestCompileProblems(t *testing.T) {
	t.Parallel()
	_, err := callback.Compile(callback.Config{
		Schemes: []string{"https", "ftp"},
		Allow:   []string{"ok.example.com", "", "*", "*.", "a b", "https://a.example", "10.0.0.0/8", "*.10.0.0.1", "::1", "a.example:0", "a.*.example", "user@a.example", "a.example/"},
	})
	if err == nil {
		t.Fatal("Compile() = nil")
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 13 {
		t.Errorf("%d problems, want 13:\n%v", got, err)
	}
	if strings.Contains(err.Error(), "ok.example.com") {
		t.Errorf("a good entry is a problem: %v", err)
	}
}

// TestSilence shows that no refusal repeats the URL, nor tells names without addresses from private ones.
func TestSilence(t *testing.T) {
	t.Parallel()
	p := compile(t, nil)
	for _, raw := range []string{
		"https://user:secret@secret.example/", "secret://secret/", "https://secret/", "https://secret.example:22/secret",
		"https://secret.example/?token=secret", "https://10.0.0.1/secret", `https://secret.example/\secret`,
	} {
		refusal := p.Check(t.Context(), raw)
		if refusal == nil || strings.Contains(refusal.Error(), "secret") || strings.Contains(refusal.Error(), "10.0") {
			t.Errorf("Check(%q) = %v", raw, refusal)
		}
	}
	private, missing := p.Check(t.Context(), "https://private.example.com/"), p.Check(t.Context(), "https://nowhere.example.com/")
	if *private != *missing {
		t.Errorf("a private name is told from a missing one: %v, %v", private, missing)
	}
}
