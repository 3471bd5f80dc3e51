package inspect

import "testing"

func TestWeigh(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]load{
		"https://a.test/p.png?d={{conversation}}":                                loadData,
		"https://a.test/p.png?d=%7B%7Bchat%7D%7D":                                loadData,
		"https://a.test/p.png?anything=[last answer]":                            loadData,
		"https://a.test/p.png?d=$HISTORY":                                        loadData,
		"https://{{secret}}.a.test/p.png":                                        loadData,
		"https://a.test/${session}/p.png":                                        loadData,
		"https://a.test/p?x=dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjIgYW5kIG1vcmU":         loadData,
		"https://a.test/dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjIgYW5kIG1vcmU/p.png":       loadData,
		"https://a.test/p?x=746865206b6579206973206f6e20746865207461626c65":      loadData,
		"https://a.test/p?n=the%20user%20wants%20to%20sell%20his%20house%20now":  loadData,
		"https://q7x2m9kf4tz8w3bv6nc1rj5hd0pylsge7u2aoi9x.a.test/p.png":          loadOdd,
		"https://a.test/p.png?v=3&w=200&utm_source=mail":                         loadNothing,
		"https://a.test/p.png?sig=WSdF9YeZhvrbs2B2B1f8ZdDBzEe7fBJ2BenuaXQ2BJ9WO": loadNothing,
		"https://img.shields.io/badge/{label}-{message}-green":                   loadNothing,
		"https://a.test/aHR0cHM6Ly9iLnRlc3QvcGljdHVyZXMvb25lLnBuZw/resize.png":   loadNothing,
		"https://docs.test/a?b=c#:~:text=the%20words%20of%20a%20place%20in%20it": loadNothing,
	} {
		l := link{loaded: true}
		if !l.split([]byte(address)) {
			t.Errorf("%q is no address", address)
		}
		if got := l.weigh(); got != want {
			t.Errorf("%q carries %d, want %d", address, got, want)
		}
	}
}

func TestAddressEnd(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://a.test/x) more":             "https://a.test/x",
		"https://a.test/{{ last answer }})":  "https://a.test/{{ last answer }}",
		"https://a.test/w_(disambiguation))": "https://a.test/w_(disambiguation)",
		"https://a.test/x \"title\")":        "https://a.test/x",
		"https://a.test/x</a>":               "https://a.test/x",
		"":                                   "",
	} {
		if got := text[:addressEnd([]byte(text), 0)]; got != want {
			t.Errorf("the address in %q is %q, want %q", text, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	type verdict struct{ metadata, disguised, inner bool }
	for address, want := range map[string]verdict{
		"http://169.254.169.254/latest":       {metadata: true, inner: true},
		"http://2852039166/":                  {metadata: true, disguised: true},
		"http://0xa9fea9fe/":                  {metadata: true, disguised: true},
		"http://0251.0376.0251.0376/":         {metadata: true, disguised: true},
		"http://[::ffff:169.254.169.254]/":    {metadata: true, inner: true},
		"http://metadata.google.internal./x":  {metadata: true},
		"http://169.254.169.254.nip.io/":      {metadata: true},
		"http://127.0.0.1:8080/":              {inner: true},
		"http://127.1/":                       {disguised: true},
		"http://[fd12::1]/":                   {inner: true},
		"http://cache.default.svc/":           {inner: true},
		"https://bank.test@evil.test/":        {disguised: true},
		"https://bank.test%2f@evil.test/":     {disguised: true},
		"https://git@code.test/r.git":         {},
		"https://93.184.216.34/":              {},
		"https://a.test:8443/http://10.0.0.1": {},
		"no address":                          {},
		"://":                                 {},
	} {
		b := []byte(address)
		got := verdict{verifyMetadata(b, span{}), verifyDisguisedHost(b, span{}), verifyInnerHost(b, span{})}
		if got != want {
			t.Errorf("%q is %+v, want %+v", address, got, want)
		}
	}
}
