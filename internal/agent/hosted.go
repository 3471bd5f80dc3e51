package agent

// Hosted is what the mesh says of a DID whose document it hosts.
type Hosted struct {
	// Key is the DID's own key, and Role who signs with it.
	Key  Key
	Role KeyRole
	// Sidecars are the keys that sign for the agent beside its own; none for the DID of a sidecar.
	Sidecars []Key
	// Webs are the did:webs of the agent; none for the DID of a sidecar.
	Webs []string
}
