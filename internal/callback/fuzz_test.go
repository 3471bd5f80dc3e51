package callback_test

import (
	"context"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/idna"

	"ringfence.dev/ringfence/internal/callback"
)

// browser reads host and port of an http or https URL as the WHATWG URL standard does, repairs included: it is the most
// lenient of the readers in use.
func browser(raw string) (host, port string, ok bool) {
	raw = strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' })
	raw = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(raw)
	scheme, rest, ok := strings.Cut(raw, ":")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return "", "", false
	}
	rest = strings.TrimLeft(rest, `/\`)
	if end := strings.IndexAny(rest, `/\?#`); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if colon := strings.LastIndexByte(rest, ':'); colon >= 0 && !strings.HasSuffix(rest, "]") {
		rest, port = rest[:colon], strings.TrimLeft(rest[colon+1:], "0")
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	host, ok = browserHost(rest)
	return host, port, ok
}

func browserHost(host string) (string, bool) {
	if literal, isLiteral := strings.CutPrefix(host, "["); isLiteral {
		addr, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		return addr.String(), err == nil
	}
	host, err := url.PathUnescape(host)
	if err != nil {
		return "", false
	}
	profile := idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.CheckHyphens(false))
	host, err = profile.ToASCII(host)
	if err != nil || host == "" {
		return "", false
	}
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	if _, err := browserNumber(parts[len(parts)-1]); err != nil {
		return host, true
	}
	return browserAddress(parts)
}

// browserAddress is the standard's IPv4 parser: up to four numbers, of which the last fills what is left.
func browserAddress(parts []string) (string, bool) {
	var value uint64
	for i, part := range parts {
		number, err := browserNumber(part)
		last := i == len(parts)-1
		if err != nil || len(parts) > 4 || !last && number > 255 || last && number >= 1<<(8*(5-len(parts))) {
			return "", false
		}
		if last {
			value += number
		} else {
			value += number << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}).String(), true
}

func browserNumber(part string) (uint64, error) {
	lower := strings.ToLower(part)
	switch {
	case lower == "0x":
		return 0, nil
	case strings.HasPrefix(lower, "0x"):
		return strconv.ParseUint(lower[2:], 16, 64)
	case len(part) > 1 && part[0] == '0':
		if number, err := strconv.ParseUint(part, 8, 64); err == nil {
			return number, nil
		}
		return strconv.ParseUint(part, 10, 64) // ends in a number, which no IPv4 address has: the rest fails
	}
	return strconv.ParseUint(part, 10, 64)
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://a.example/":             "a.example 443",
		` https:\\u@A.example:0080\x `:   "a.example 80",
		"https:///2130706433":            "127.0.0.1 443",
		"http://0x7f.1":                  "127.0.0.1 80",
		"https://%31%32%37.0.0.1":        "127.0.0.1 443",
		"https://１２７。0.0.1":              "127.0.0.1 443",
		"https://[::1]:8443/":            "::1 8443",
		"https://good.example\\@evil.ex": "good.example 443",
	} {
		if host, port, ok := browser(raw); !ok || host+" "+port != want {
			t.Errorf("browser(%q) = %s %s %v, want %s", raw, host, port, ok, want)
		}
	}
}

// everywhere is a resolver for which every name is public.
type everywhere struct{}

func (everywhere) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
}

// FuzzReadersAgree shows that an accepted URL leads to one place, whoever reads it.
func FuzzReadersAgree(f *testing.F) {
	for _, raw := range []string{
		hook, "https://hooks.example.com:8443/a?b=c", "https://93.184.216.34/", "https://[2606:2800:220:1::1]:8443/", "https://xn--bcher-kva.example/",
		"https://a@b.example/", `https://a.example\@b.example/`, "https://a.example#@b.example", "https://2130706433/", "https://0x7f.1/",
		"https://%31.example/", "https://a.example:0443/", "https://１２７.0.0.1/", "https:a.example", "https:///a.example", "https://a.example./",
		"HTTP://A.Example/%7e@:/?x=#", "https://localhost/", "https://a.0x/", "https://faß.example/", "https://a_b.example/", "https://xn--/",
	} {
		f.Add(raw)
	}
	var asked string
	policy := compile(f, func(c *callback.Config) {
		c.Resolver, c.Now = everywhere{}, func() time.Time { return epoch }
		c.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		c.Own = func(host, port string) bool {
			if asked == "" {
				asked = host + " " + port
			}
			return false
		}
	})
	f.Fuzz(func(t *testing.T, raw string) {
		asked = ""
		if policy.Check(t.Context(), raw) != nil {
			return
		}
		host, port, ok := browser(raw)
		if addr, err := netip.ParseAddr(host); err == nil {
			host = addr.Unmap().String()
		}
		if !ok || host+" "+port != asked {
			t.Errorf("%q is judged as %q, and a browser reads %s %s %v", raw, asked, host, port, ok)
		}
		u, err := url.Parse(raw)
		if err != nil || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q is accepted, and Go reads %v, %v", raw, u, err)
		}
		if request := u.RequestURI(); strings.ContainsAny(request+u.Host, " \r\n\t\x00") {
			t.Errorf("%q is accepted, and breaks a request: %q", raw, request)
		}
	})
}

// FuzzParseHost shows that an entry without a wildcard matches the URL made of it, whatever its spelling, and none below.
func FuzzParseHost(f *testing.F) {
	for _, text := range []string{
		"hooks.example.com", "*.example.com", "Hooks.Example.com:8443", "192.0.2.7", "[2001:DB8::7]:443", "[::ffff:192.0.2.7]", "intranet", "a:", "*", "[::1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := callback.ParseHost(text); err != nil {
			return
		}
		policy := compile(t, func(c *callback.Config) {
			c.Allow, c.Resolver, c.Own = []string{text}, everywhere{}, nil
			c.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		})
		exact, below := text, "x."+text
		if name, wild := strings.CutPrefix(text, "*."); wild {
			exact, below = "y."+name, name
		}
		if refusal := policy.Check(t.Context(), "https://"+exact+"/"); refusal != nil && refusal.Reason != callback.PortRefused && len(exact) < 250 {
			t.Errorf("%q does not match %q: %v", text, exact, refusal)
		}
		if policy.Check(t.Context(), "https://"+below+"/") == nil {
			t.Errorf("%q matches %q", text, below)
		}
	})
}
