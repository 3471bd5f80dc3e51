package conformance

import (
	"github.com/a2aproject/a2a-go/v2/a2a"
)

// mediaTypes are what the agent reads and writes.
var mediaTypes = []string{"text/plain", "application/json", "application/octet-stream"}

// Versions of the protocol the agent speaks. The newer one comes first in its cards: it is preferred.
var versions = []a2a.ProtocolVersion{"1.0", "0.3"}

// card returns the public card.
func card(base, grpc string) *a2a.AgentCard {
	c := &a2a.AgentCard{
		Name:        "Conformance",
		Description: "Does what the A2A TCK expects of an agent under test.",
		Version:     "1.0.0",
		Provider:    &a2a.AgentProvider{Org: "Ringfence", URL: "https://ringfence.dev"},
		Capabilities: a2a.AgentCapabilities{
			Streaming:         true,
			PushNotifications: true,
			ExtendedAgentCard: true,
			Extensions:        []a2a.AgentExtension{extension},
		},
		DefaultInputModes:  mediaTypes,
		DefaultOutputModes: mediaTypes,
		Skills: []a2a.AgentSkill{{
			ID:          "play",
			Name:        "Play",
			Description: "Plays the scenario that the prefix of the message id names.",
			Tags:        []string{"conformance"},
		}},
	}
	for _, version := range versions {
		for _, i := range []a2a.AgentInterface{
			{URL: base + rpcPath, ProtocolBinding: a2a.TransportProtocolJSONRPC},
			{URL: base + restPath, ProtocolBinding: a2a.TransportProtocolHTTPJSON},
			{URL: grpc, ProtocolBinding: a2a.TransportProtocolGRPC},
		} {
			i.ProtocolVersion = version
			c.SupportedInterfaces = append(c.SupportedInterfaces, &i)
		}
	}
	return c
}

// extendedCard returns the card for callers who ask for more: it has one skill more.
func extendedCard(base, grpc string) *a2a.AgentCard {
	c := card(base, grpc)
	c.Skills = append(c.Skills, a2a.AgentSkill{
		ID:          "echo",
		Name:        "Echo",
		Description: "Says with which version and extensions it was called.",
		Tags:        []string{"conformance"},
	})
	return c
}
