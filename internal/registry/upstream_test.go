package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// fetched is a fetcher of one card.
type fetched string

func (f fetched) FetchCard(context.Context, string, registry.CardVersion) (registry.FetchedCard, error) {
	card, err := agent.ParseCard([]byte(f))
	return registry.FetchedCard{Card: card}, err
}

func (fetched) FetchKeySet(context.Context, string) ([]byte, error) {
	return nil, errors.New("no key sets here")
}

// TestUpstreams holds where a card may lead calls to.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	cases := []struct {
		url          string
		given, found bool // accepted in a card that is given, in one that is fetched
	}{
		{"http://agent.example/rpc", true, true},
		{"http://93.184.215.14/rpc", true, true},
		{"http://10.1.2.3:9000/rpc", true, true}, // allowed below
		{"http://192.168.0.9/rpc", true, false},
		{"http://127.0.0.1:9000/rpc", true, false},
		{"http://localhost:9000/rpc", true, false},
		{"http://[::1]:9000/rpc", true, false},
		{"http://169.254.169.254/latest", true, false},
		{"http://127.0.0.1:15010/", false, false},
		{"http://localhost:15010/quitquitquit", false, false},
		{"http://LocalHost.:15010/quitquitquit", false, false},
		{"http://a.localhost:15010/quitquitquit", false, false},
	}
	for _, c := range cases {
		t.Run(c.url, func(t *testing.T) {
			t.Parallel()
			card := fmt.Sprintf(`{"name":"A","description":"d","version":"1","capabilities":{},"defaultInputModes":[],"defaultOutputModes":[],"skills":[],
				"supportedInterfaces":[{"url":%q,"protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`, c.url)
			r := open(t, newBucket(t), func(config *registry.Config) {
				config.Fetch = fetched(card)
				config.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
				config.Own = func(host, port string) bool { return host == "127.0.0.1" && port == "15010" }
			})
			_, err := r.Register(t.Context(), registry.Registration{Name: "given", Card: []byte(card)})
			checkUpstream(t, "given", c.given, err)
			_, err = r.Register(t.Context(), registry.Registration{Name: "found", CardURL: "http://agent.example/"})
			checkUpstream(t, "found", c.found, err)
		})
	}
}

func checkUpstream(t *testing.T, how string, want bool, err error) {
	t.Helper()
	if (err == nil) != want {
		t.Errorf("%s: %v, want accepted %v", how, err, want)
	}
	if err != nil && !strings.Contains(err.Error(), "card.supportedInterfaces[0].url") {
		t.Errorf("%s: the error does not name the field: %v", how, err)
	}
}
