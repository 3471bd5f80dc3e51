package xds_test

import (
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/xds"
)

// settings are complete settings with fixed endpoints.
func settings() xds.Settings {
	s := xds.DefaultSettings()
	s.Governor = "unix:/run/ringfence/governor.sock"
	s.Cards = "127.0.0.1:9100"
	return s
}

// record returns an active agent with one interface per pair of binding and URL.
func record(name agent.ID, bindingsAndURLs ...string) *agent.Record {
	r := &agent.Record{Name: name, Status: agent.Active}
	for i := 0; i < len(bindingsAndURLs); i += 2 {
		r.Card.Interfaces = append(r.Card.Interfaces, agent.Interface{
			Binding: agent.Binding(bindingsAndURLs[i]), URL: bindingsAndURLs[i+1], Version: "1.0",
		})
	}
	return r
}

const (
	rpc  = string(agent.JSONRPC)
	rest = string(agent.HTTPJSON)
)
