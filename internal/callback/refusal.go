package callback

// Reasons why a URL is refused, as stable words.
const (
	Malformed      = "callback-malformed" // it is no URL, or one that two readers could read differently
	SchemeRefused  = "callback-scheme"    // its scheme is not accepted
	HostRefused    = "callback-host"      // its host is not on the list, or no full name
	PortRefused    = "callback-port"      // its port belongs to another protocol
	AddressRefused = "callback-address"   // its name does not resolve, or an address is neither public nor in an allowed network
	MeshRefused    = "callback-mesh"      // it leads to the mesh itself
	Overloaded     = "callback-lookup"    // its name could not be looked up now
)

// Refusal says why a URL may not receive push notifications.
type Refusal struct {
	// Reason is one of the words above.
	Reason string
	// Detail is a sentence the sender of the URL may read. It never has anything of the URL, which may carry
	// credentials, nor of what a resolver said, which may describe a private network.
	Detail string
}

// Error returns the reason and the detail.
func (r *Refusal) Error() string { return r.Reason + ": " + r.Detail }

func refuse(reason, detail string) *Refusal { return &Refusal{Reason: reason, Detail: detail} }

func malformed(detail string) *Refusal { return refuse(Malformed, "the callback URL "+detail) }

// refuseName is one answer for names without addresses and for names with private ones: two would tell a caller
// which names a private network has.
func refuseName() *Refusal {
	return refuse(AddressRefused, "the callback's host has to resolve, and to nothing but public addresses or allowed networks")
}

func refuseMesh() *Refusal {
	return refuse(MeshRefused, "the callback leads to the mesh itself")
}
