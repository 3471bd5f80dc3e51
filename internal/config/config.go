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
	DataDir    string     `yaml:"dataDir"`
	Listen     Listen     `yaml:"listen"`
	Mesh       Mesh       `yaml:"mesh"`
	Registry   Registry   `yaml:"registry"`
	Cards      Cards      `yaml:"cards"`
	Store      Store      `yaml:"store"`
	Identity   Identity   `yaml:"identity"`
	Trust      Trust      `yaml:"trust"`
	Rings      Rings      `yaml:"rings"`
	Delegation Delegation `yaml:"delegation"`
	Policies   Policies   `yaml:"policies"`
	Approvals  Approvals  `yaml:"approvals"`
	Content    Content    `yaml:"content"`
	Tasks      Tasks      `yaml:"tasks"`
	Push       Push       `yaml:"push"`
	Limits     Limits     `yaml:"limits"`
	Envoy      Envoy      `yaml:"envoy"`
	Log        Log        `yaml:"log"`
	Audit      Audit      `yaml:"audit"`
}

// Listen is where the parts listen, each host:port. Port 0 takes a free port.
type Listen struct {
	// Gateway is where Envoy takes agent traffic.
	Gateway string `yaml:"gateway"`
	// API is where the registry's REST API listens.
	API string `yaml:"api"`
	// GRPC is where Envoy finds ext_authz, ext_proc and xDS.
	GRPC string `yaml:"grpc"`
	// Socket is the Unix socket where Envoys of this machine ask for decisions, which costs less; empty is one in dataDir for the Envoy that `up` starts, and none elsewhere.
	Socket string `yaml:"socket"`
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
	// Resolvable says that clients can resolve the hosts below domain; cards that are asked for by path then offer gRPC there.
	Resolvable bool `yaml:"resolvable"`
	// RootAgent is the agent that answers at the gateway's own root, where gRPC clients call that know no paths; empty means none.
	RootAgent agent.ID `yaml:"rootAgent"`
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
func (r Registry) Networks() []netip.Prefix { return networks(r.AllowedNetworks) }

func networks(texts []string) []netip.Prefix {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			networks = append(networks, prefix.Masked())
		}
	}
	return networks
}

// Cards is how AgentCards are judged, followed and served.
type Cards struct {
	// Verify is what signatures of agents' cards mean: require refuses cards that are not verified, warn records the result, off does not look.
	Verify string `yaml:"verify"`
	// TrustedKeys is a JWK set file with keys that may sign the card of any agent whose registration pins none.
	TrustedKeys string `yaml:"trustedKeys"`
	// JKU are the URLs below which key sets that signatures name may be fetched; empty fetches none.
	JKU []string `yaml:"jku"`
	// Algorithms are those of signatures that count: EdDSA, ES256, RS256.
	Algorithms []string `yaml:"algorithms"`
	// Refresh is how often cards that were given by URL are fetched again, 10s to 24h; 0s fetches only on demand.
	Refresh time.Duration `yaml:"refresh"`
	// Changes says what becomes of changes that a fetched card brings.
	Changes CardChanges `yaml:"changes"`
	// Serve is resign, which signs every card as the mesh, or verbatim, which leaves a card alone on the agent's own host if it already leads there.
	Serve string `yaml:"serve"`
	// KeyFile is the Ed25519 key that signs cards, the same for all processes of a mesh; empty makes card-key.pem in dataDir.
	KeyFile string `yaml:"keyFile"`
	// PreviousKeys are keys, each a did:key, that signed cards before and are still published.
	PreviousKeys []string `yaml:"previousKeys"`
}

// CardChanges is, for each class of change, accept, which puts the new card in force, or hold, which keeps the old
// one until a person approves. A card is held as soon as one of its changes is.
type CardChanges struct {
	// Interfaces is for where and how the agent is reached.
	Interfaces string `yaml:"interfaces"`
	// Skills is for what the agent says it can do.
	Skills string `yaml:"skills"`
	// Security is for the credentials that the agent asks for.
	Security string `yaml:"security"`
	// Keys is for who signs the card.
	Keys string `yaml:"keys"`
	// Other is for everything else, such as name, description, version and capabilities.
	Other string `yaml:"other"`
}

// Store is where state is kept.
type Store struct {
	// URL is a NATS cluster; empty embeds a server that stores below dataDir.
	URL string `yaml:"url"`
	// CredentialsFile is a NATS credentials file for URL.
	CredentialsFile string `yaml:"credentialsFile"`
	// Replicas is how many servers of the cluster keep each key, 1 to 5.
	Replicas int `yaml:"replicas"`
	// Stale is for how long what was known last counts while the store cannot be followed, 1s to 24h; afterwards nothing is let through.
	Stale time.Duration `yaml:"stale"`
}

// Tasks is how the mesh remembers who started which task.
type Tasks struct {
	// Mode is enforce, which lets an agent use only the tasks that are its own, or off, which leaves that to the agents that work on them. With off, nothing of answers is read for it, and no caller can wait for people by a task.
	Mode string `yaml:"mode"`
	// Unknown is what becomes of a request about a task that nobody is known to have started: agent leaves it to the agent, deny denies it.
	Unknown string `yaml:"unknown"`
	// Contexts says who may use a context that an agent gave to one caller: owner lets that caller alone, shared everybody who knows its id.
	Contexts string `yaml:"contexts"`
	// Memory is how many tasks are known without asking the store, 1000 to 10000000.
	Memory int `yaml:"memory"`
	// Retention is how long a task is remembered after it was last used, 1h to 8760h.
	Retention time.Duration `yaml:"retention"`
	// Finished takes the place of retention for tasks that have ended, 1m up to retention.
	Finished time.Duration `yaml:"finished"`
	// Durability is memory, which stores owners in the background, or store, which lets no answer pass before the owner of its task is stored.
	Durability string `yaml:"durability"`
}

// Push is where agents may be asked to send push notifications.
type Push struct {
	// Schemes are those that callback URLs may have: https, http.
	Schemes []string `yaml:"schemes"`
	// Allow are the hosts that callbacks may have, each a name, *.name or an address, with or without a port; empty allows every public host.
	Allow []string `yaml:"allow"`
	// AllowedNetworks are the private networks to which callbacks may lead, as CIDR prefixes.
	AllowedNetworks []string `yaml:"allowedNetworks"`
}

// Networks returns the allowed networks; those that Validate refuses are left out.
func (p Push) Networks() []netip.Prefix { return networks(p.AllowedNetworks) }

// Limits bound requests.
type Limits struct {
	// Body is the largest request body in bytes, 256 KiB to 16 MiB.
	Body int `yaml:"body"`
	// Answer is the largest answer, or event of a stream, that is judged, in bytes, 256 KiB to 16 MiB; larger ones do not pass.
	Answer int `yaml:"answer"`
	// Answers is how much of all answers may wait at once to be judged, in bytes, 16 MiB to 64 GiB and four times limits.answer at least; one caller may have a quarter of it.
	Answers int `yaml:"answers"`
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
	// Share says where rates and calls under way, of rings and of policies, are counted: process, store, which all processes of a mesh share, or auto, which takes store where store.url is set.
	Share string `yaml:"share"`
}

// Envoy is the Envoy that `up` starts, and how Ringfence speaks with any.
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
	// Codec is raw, which reads what Envoy sends by code of Ringfence's own, or generated, which takes several times as long.
	Codec string `yaml:"codec"`
	// RPC is lean, which serves listen.socket by a server of Ringfence's own, or grpc-go, which takes longer and serves listen.grpc in any case.
	RPC string `yaml:"rpc"`
	// Shape is how Envoy asks about a request: split, first about its headers and then about its body, fused, about both at once, or auto, which takes fused under `up` where content.answers and tasks.mode are off and split elsewhere.
	Shape string `yaml:"shape"`
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
