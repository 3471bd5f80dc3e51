package xds

import (
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// TestItemsHoldWhatIsTheirOwn holds that of agents that differ by names and addresses the control plane holds little more.
func TestItemsHoldWhatIsTheirOwn(t *testing.T) {
	t.Parallel()
	b, err := newBuilder(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	record := &agent.Record{Name: "weather-forecast", Status: agent.Active, Card: agent.Card{Interfaces: []agent.Interface{
		{URL: "http://weather.internal.example:8081/a2a/v1", Binding: agent.JSONRPC, Version: "1.0"},
	}}}
	held, sent := 0, 0
	for _, i := range b.share(record).items {
		packed, err := i.packed()
		if err != nil {
			t.Fatal(err)
		}
		held, sent = held+cap(i.own), sent+len(packed.GetValue())-len(i.rest)
	}
	if sent < 1500 || held > sent/3 {
		t.Errorf("%d bytes are held of %d", held, sent)
	}
}

// TestItemThatCannotBeRead holds that a damaged resource is not sent.
func TestItemThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b, err := newBuilder(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	i := b.share(agents(1)[0]).items[0]
	for _, damaged := range [][]byte{nil, {0xff}, i.own[:len(i.own)-1]} {
		i.own = damaged
		if packed, err := i.packed(); err == nil {
			t.Errorf("%x was read: %v", damaged, packed)
		}
	}
}

// TestExampleIsOfNoAgent holds that the example's name is left to agents and to the gateway's hosts.
func TestExampleIsOfNoAgent(t *testing.T) {
	t.Parallel()
	s := testSettings()
	s.RootAgent, s.PublicHosts = "example", []string{"example." + s.MeshDomain}
	if _, err := newBuilder(s); err != nil {
		t.Fatal(err)
	}
}
