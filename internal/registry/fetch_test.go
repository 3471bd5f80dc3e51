package registry_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func fetcher(allowed []netip.Prefix, resolver *net.Resolver) *registry.Fetcher {
	return registry.NewFetcher(registry.FetchConfig{AllowedNetworks: allowed, Resolver: resolver})
}

// site serves cards at some paths and counts the requests.
func site(t *testing.T, paths map[string]http.HandlerFunc) (string, *atomic.Int32) {
	t.Helper()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if handler, ok := paths[r.URL.Path]; ok {
			handler(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, &requests
}

func serve(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

func TestFetchCardFindsIt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path string
		paths      map[string]http.HandlerFunc
	}{
		{"the-card-itself", "/card.json", map[string]http.HandlerFunc{"/card.json": serve(card)}},
		{"the-card-at-any-path", "/x", map[string]http.HandlerFunc{"/x": serve(card)}},
		{"base-at-root", "", map[string]http.HandlerFunc{agent.CardPath: serve(card)}},
		{"base-at-root-with-slash", "/", map[string]http.HandlerFunc{agent.CardPath: serve(card)}},
		{"below-the-path", "/a/b", map[string]http.HandlerFunc{"/a/b" + agent.CardPath: serve(card)}},
		{"below-the-path-first", "/a", map[string]http.HandlerFunc{"/a" + agent.CardPath: serve(card), agent.CardPath: serve("{}")}},
		{"at-the-origin", "/a/b/", map[string]http.HandlerFunc{agent.CardPath: serve(card)}},
		{"base-answers-other-json", "/a", map[string]http.HandlerFunc{"/a": serve(`{"status":"ok"}`), agent.CardPath: serve(card)}},
		{"base-redirects", "/a", map[string]http.HandlerFunc{"/a": http.RedirectHandler("/b", http.StatusFound).ServeHTTP, agent.CardPath: serve(card)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, _ := site(t, test.paths)
			got, err := fetcher(loopback, nil).FetchCard(t.Context(), url+test.path, registry.CardVersion{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Card.Name != "Weather" {
				t.Errorf("card %q", got.Card.Name)
			}
		})
	}
}

func TestFetchCardRefuses(t *testing.T) {
	t.Parallel()
	const secret = "secret-body"
	zipped := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("asked for encoding %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		io.WriteString(zip, card)
		zip.Close()
	}
	reached := func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"redirect", http.RedirectHandler("/target", http.StatusTemporaryRedirect).ServeHTTP, "URL redirects, which is not followed: give the final URL"},
		{"not-found", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusNotFound) }, "URL answers with status 404"},
		{"server-error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusBadGateway) }, "URL answers with status 502"},
		{"compressed", zipped, "URL answers with a content encoding that was not asked for"},
		{"too-large", serve(strings.Repeat("x", agent.MaxCardBytes+1)), "URL answers with more than 262144 bytes"},
		{"not-json", serve("<html>" + secret), "URL is no AgentCard: card is not valid JSON at byte 1"},
		{"not-a-card", serve(`{"name":"` + secret + `","url":7}`), "URL is no AgentCard: card.url must be a string"},
		{"many-problems", serve(`{"name":1,"skills":[1,2,3,4]}`), "URL is no AgentCard: card.name must be a string; " +
			"card.supportedInterfaces is required: it says where the agent listens; card.skills[0] must be an object; and 3 more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, _ := site(t, map[string]http.HandlerFunc{"/card.json": test.handler, "/target": reached})
			_, err := fetcher(loopback, nil).FetchCard(t.Context(), url+"/card.json", registry.CardVersion{})
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(test.want, strings.ReplaceAll(err.Error(), url+"/card.json", "URL")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFetchCardStaysOutOfPrivateNetworks(t *testing.T) {
	t.Parallel()
	url, requests := site(t, map[string]http.HandlerFunc{agent.CardPath: serve(card)})
	port := url[strings.LastIndex(url, ":"):]
	names := dns(map[string][]string{
		"loopback.test.": {"127.0.0.1"}, "metadata.test.": {"169.254.169.254"}, "private.test.": {"10.1.2.3", "192.168.0.1"}, "mapped.test.": {"::ffff:127.0.0.1"},
	})
	for _, host := range []string{
		"127.0.0.1" + port, "[::1]" + port, "[::ffff:127.0.0.1]" + port, "0.0.0.0" + port, "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1",
		"loopback.test" + port, "metadata.test", "private.test", "mapped.test" + port,
	} {
		_, err := fetcher(nil, names).FetchCard(t.Context(), "http://"+host, registry.CardVersion{})
		if err == nil || !strings.Contains(err.Error(), "registry.allowedNetworks") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests went out", n)
	}
	if _, err := fetcher(loopback, names).FetchCard(t.Context(), "http://loopback.test"+port, registry.CardVersion{}); err != nil {
		t.Errorf("in an allowed network: %v", err)
	}
}

// TestFetchCardJudgesTheAddressItConnectsTo resolves a name to an allowed address first and to a forbidden one
// from then on. A check that looks the name up by itself would be satisfied by the first answer.
func TestFetchCardJudgesTheAddressItConnectsTo(t *testing.T) {
	t.Parallel()
	inner, requests := site(t, map[string]http.HandlerFunc{agent.CardPath: serve(card)})
	port := inner[strings.LastIndex(inner, ":"):]
	public := netip.MustParseAddr("127.0.0.1") // what this test allows; 127.0.0.2 stands for the inside
	var lookups atomic.Int32
	rebinding := resolver(func(_ string, kind dnsmessage.Type) []string {
		if kind == dnsmessage.TypeA && lookups.Add(1) == 1 {
			return []string{public.String()}
		}
		return []string{"127.0.0.2"}
	})
	f := fetcher([]netip.Prefix{netip.PrefixFrom(public, 32)}, rebinding)
	_, err := f.FetchCard(t.Context(), "http://rebind.test"+port+"/a", registry.CardVersion{})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.2 is not a public one") {
		t.Errorf("%v", err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want the one to the allowed address", n)
	}
}

func TestFetchCardEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := site(t, map[string]http.HandlerFunc{"/slow.json": func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"name":`)
		w.(http.Flusher).Flush()
		cancel() // a body that never ends: only the caller's context ends the wait
		<-r.Context().Done()
	}})
	_, err := fetcher(loopback, nil).FetchCard(ctx, url+"/slow.json", registry.CardVersion{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestFetchCardUsesNoProxy(t *testing.T) {
	proxy, requests := site(t, nil)
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	_, err := fetcher(nil, dns(map[string][]string{"agent.test.": {"10.0.0.1"}})).FetchCard(t.Context(), "http://agent.test/", registry.CardVersion{})
	if err == nil || requests.Load() != 0 {
		t.Errorf("%v, %d requests to the proxy", err, requests.Load())
	}
}

func TestRegisterByURL(t *testing.T) {
	t.Parallel()
	url, requests := site(t, map[string]http.HandlerFunc{agent.CardPath: serve(card)})
	r := open(t, newBucket(t), func(c *registry.Config) { c.Fetch, c.AllowedNetworks = fetcher(loopback, nil), loopback })
	record, err := r.Register(t.Context(), registry.Registration{Name: "a", CardURL: url, SkillEffects: map[string]string{"forecast": "read"}})
	if err != nil || record.CardURL != url || string(record.Card.Raw) != card {
		t.Fatalf("%+v, %v", record, err)
	}
	_, err = r.Register(t.Context(), registry.Registration{Name: "b", CardURL: url, SkillEffects: map[string]string{"other": "read"}})
	if diff := cmp.Diff([]string{"skillEffects.other: must name a skill of the card"}, problems(err)); diff != "" {
		t.Errorf("skill that the fetched card lacks (-want +got):\n%s", diff)
	}
	_, err = r.Register(t.Context(), registry.Registration{Name: "c", CardURL: url + "/none.json"})
	if diff := cmp.Diff([]string{"cardUrl: leads to no card: " + url + "/none.json answers with status 404"}, problems(err)); diff != "" {
		t.Errorf("no card (-want +got):\n%s", diff)
	}
	before := requests.Load()
	if _, err = r.Register(t.Context(), registry.Registration{Name: "BAD", CardURL: url}); err == nil || requests.Load() != before {
		t.Errorf("an invalid registration made %d requests", requests.Load()-before)
	}
	bare := open(t, newBucket(t))
	_, err = bare.Register(t.Context(), registry.Registration{Name: "a", CardURL: url})
	if diff := cmp.Diff([]string{"cardUrl: is not supported here: give the card itself"}, problems(err)); diff != "" {
		t.Errorf("without a fetcher (-want +got):\n%s", diff)
	}
}

func dns(names map[string][]string) *net.Resolver {
	return resolver(func(name string, _ dnsmessage.Type) []string { return names[name] })
}

// resolver answers every question from lookup, over pipes: no packet leaves the process.
func resolver(lookup func(string, dnsmessage.Type) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answer(server, lookup)
		return client, nil
	}}
}

// answer serves one question in the framing of DNS over TCP.
func answer(conn net.Conn, lookup func(string, dnsmessage.Type) []string) {
	defer conn.Close()
	length := make([]byte, 2)
	if _, err := io.ReadFull(conn, length); err != nil {
		return
	}
	packet := make([]byte, int(length[0])<<8|int(length[1]))
	var question dnsmessage.Message
	if _, err := io.ReadFull(conn, packet); err != nil || question.Unpack(packet) != nil {
		return
	}
	q := question.Questions[0]
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: question.ID, Response: true, RecursionAvailable: true}, Questions: question.Questions}
	header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
	if q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA {
		for _, s := range lookup(q.Name.String(), q.Type) {
			addr := netip.MustParseAddr(s)
			switch {
			case addr.Is4() && q.Type == dnsmessage.TypeA:
				reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}})
			case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
				reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
			}
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "%s%s", []byte{byte(len(packed) >> 8), byte(len(packed))}, packed)
}

func TestFetchCardAsksOnce(t *testing.T) {
	t.Parallel()
	var tags []string
	var missed atomic.Int32
	versioned := func(w http.ResponseWriter, r *http.Request) {
		tags = append(tags, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		serve(card)(w, r)
	}
	url, _ := site(t, map[string]http.HandlerFunc{agent.CardPath: versioned, "/": func(w http.ResponseWriter, r *http.Request) {
		missed.Add(1)
		http.NotFound(w, r)
	}})
	f := fetcher(loopback, nil)
	first, err := f.FetchCard(t.Context(), url, registry.CardVersion{})
	want := registry.CardVersion{URL: url + agent.CardPath, Tag: `"v1"`}
	if err != nil || first.Unchanged || first.Version != want {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := f.FetchCard(t.Context(), url, first.Version)
	if err != nil || !again.Unchanged || again.Version != want {
		t.Errorf("%+v, %v", again, err)
	}
	if n := missed.Load(); n != 1 {
		t.Errorf("asked %d times where no card is", n)
	}
	other, err := f.FetchCard(t.Context(), url, registry.CardVersion{URL: "http://elsewhere.example/", Tag: `"v1"`})
	if err != nil || other.Unchanged {
		t.Errorf("the tag of another place counts: %+v, %v", other, err)
	}
	if diff := cmp.Diff([]string{"", `"v1"`, ""}, tags); diff != "" {
		t.Errorf("tags (-want +got)\n%s", diff)
	}
}

// TestFetchCardDoubtsAnswersItDidNotAskFor holds that 304 is no answer to a question without a tag.
func TestFetchCardDoubtsAnswersItDidNotAskFor(t *testing.T) {
	t.Parallel()
	url, _ := site(t, map[string]http.HandlerFunc{"/card.json": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }})
	if got, err := fetcher(loopback, nil).FetchCard(t.Context(), url+"/card.json", registry.CardVersion{}); err == nil {
		t.Errorf("%+v", got)
	}
}

func TestFetchKeySet(t *testing.T) {
	t.Parallel()
	url, _ := site(t, map[string]http.HandlerFunc{
		"/set.json": serve(`{"keys":[]}`), "/moved": http.RedirectHandler("/set.json", http.StatusFound).ServeHTTP,
	})
	if got, err := fetcher(loopback, nil).FetchKeySet(t.Context(), url+"/set.json"); err != nil || string(got) != `{"keys":[]}` {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"/moved", "/none"} {
		if got, err := fetcher(loopback, nil).FetchKeySet(t.Context(), url+bad); err == nil {
			t.Errorf("%s gives %s", bad, got)
		}
	}
	if _, err := fetcher(nil, nil).FetchKeySet(t.Context(), url+"/set.json"); err == nil || !strings.Contains(err.Error(), "registry.allowedNetworks") {
		t.Errorf("a private network: %v", err)
	}
}
