// Package config reads what an operator sets: one struct tree, read strictly, with every problem reported at
// once and a default for every field.
package config

import (
	"net/netip"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Config is the whole configuration. Default returns its defaults; docs/configuration.md lists every key.
type Config struct {
	// DataDir holds the store, the token and the decision log.
	DataDir  string   `yaml:"dataDir"`
	Listen   Listen   `yaml:"listen"`
	Mesh     Mesh     `yaml:"mesh"`
	Registry Registry `yaml:"registry"`
	Store    Store    `yaml:"store"`
	Rings    Rings    `yaml:"rings"`
	Content  Content  `yaml:"content"`
	Limits   Limits   `yaml:"limits"`
	Envoy    Envoy    `yaml:"envoy"`
	Log      Log      `yaml:"log"`
	Audit    Audit    `yaml:"audit"`
}

// Listen is where the parts listen, each host:port. Port 0 takes a free port.
type Listen struct {
	// Gateway is where Envoy takes agent traffic.
	Gateway string `yaml:"gateway"`
	// API is where the registry's REST API listens.
	API string `yaml:"api"`
	// GRPC is where Envoy finds ext_authz, ext_proc and xDS.
	GRPC string `yaml:"grpc"`
	// Cards is where Envoy fetches the cards it serves. Only Envoy needs to reach it.
	Cards string `yaml:"cards"`
	// EnvoyAdmin is where the Envoy that `up` starts has its admin interface.
	EnvoyAdmin string `yaml:"envoyAdmin"`
}

// Mesh is how agents are addressed.
type Mesh struct {
	// Domain is the domain below which each agent has a host name; empty turns host names off.
	Domain string `yaml:"domain"`
	// PublicURL is the gateway's URL as clients reach it; empty derives it from listen.gateway.
	PublicURL string `yaml:"publicURL"`
	// Advertise replaces the hosts that Envoy is told to reach Ringfence at, when it runs elsewhere.
	Advertise string `yaml:"advertise"`
}

// Registry is how agents are registered.
type Registry struct {
	// AllowedNetworks are the private networks from which cards may be fetched, as CIDR prefixes.
	AllowedNetworks []string `yaml:"allowedNetworks"`
	// Capabilities are what an agent gets when its registration names none.
	Capabilities []agent.Capability `yaml:"defaultCapabilities"`
}

// Networks returns the allowed networks; those that Validate refuses are left out.
func (r Registry) Networks() []netip.Prefix {
	networks := make([]netip.Prefix, 0, len(r.AllowedNetworks))
	for _, text := range r.AllowedNetworks {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			networks = append(networks, prefix.Masked())
		}
	}
	return networks
}

// Store is where state is kept.
type Store struct {
	// URL is a NATS cluster; empty embeds a server that stores below dataDir.
	URL string `yaml:"url"`
	// CredentialsFile is a NATS credentials file for URL.
	CredentialsFile string `yaml:"credentialsFile"`
	// Replicas is how many servers of the cluster keep each key, 1 to 5.
	Replicas int `yaml:"replicas"`
}

// Rings is the ring each effect needs, as people number rings: 0 is the most privileged.
type Rings struct {
	// Read is for operations that only read.
	Read int `yaml:"read"`
	// Write is for operations that change something, and for all whose effect nobody declared.
	Write int `yaml:"write"`
	// Admin is for operations registered as administrative.
	Admin int `yaml:"admin"`
}

// Content is what content rules do.
type Content struct {
	// Mode is enforce, which lets blocking rules deny, or flag, which only records findings.
	Mode string `yaml:"mode"`
	// RulesDir adds rule files to the shipped set; a rule with the id of a shipped one replaces it.
	RulesDir string `yaml:"rulesDir"`
}

// Limits bound requests.
type Limits struct {
	// Body is the largest request body in bytes, 256 KiB to 16 MiB.
	Body int `yaml:"body"`
	// Depth is the deepest JSON nesting, 4 to 512.
	Depth int `yaml:"depth"`
	// Members is the largest number of JSON members and elements in one body.
	Members int `yaml:"members"`
	// Decision is how long Envoy waits for one decision before it answers 503.
	Decision time.Duration `yaml:"decision"`
	// Idle is how long a call or stream may be silent before Envoy ends it.
	Idle time.Duration `yaml:"idle"`
	// Nonces is how many signatures are remembered at once, about a minute's worth.
	Nonces int `yaml:"nonces"`
}

// Envoy is the Envoy that `up` starts.
type Envoy struct {
	// Binary is its path; empty finds or downloads the pinned version.
	Binary string `yaml:"binary"`
	// Concurrency is its number of worker threads; 0 takes the number of cores.
	Concurrency int `yaml:"concurrency"`
	// LogLevel is its own log level.
	LogLevel string `yaml:"logLevel"`
	// CAFile verifies agents that listen on https; empty takes the system's.
	CAFile string `yaml:"caFile"`
	// Drain is how long open streams may finish after SIGTERM.
	Drain time.Duration `yaml:"drain"`
}

// Log is Ringfence's own log, on standard error.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is text or json.
	Format string `yaml:"format"`
}

// Audit is the decision log.
type Audit struct {
	// File takes one JSON line per decision; empty means decisions.jsonl in dataDir, "-" standard output,
	// "none" no file.
	File string `yaml:"file"`
	// Recent is how many decisions the API can look up.
	Recent int `yaml:"recent"`
}
