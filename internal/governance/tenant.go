package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/agent"
)

// tenantStage keeps callers to the tenant of the interface they use. The tenant in a request is a claim of the caller,
// by which agents with many tenants choose whose data they speak of (A2A 1.0 section 4.4.6: clients echo the tenant of
// the interface). A request that names none is the agent's to answer.
type tenantStage struct{}

func (tenantStage) Judge(_ context.Context, x *Exchange) Verdict {
	named, own := x.Operation.Tenant, x.Entrance.Interface.Tenant
	switch {
	case named == "":
		return allow()
	case x.Entrance.Interface == (agent.Interface{}):
		// The card has lost the interface since the headers were judged.
		return deny(Internal, CalleeSide, "tenant-undecided", "whether the tenant is that of the interface could not be decided")
	case own == "" || named == own:
		return allow()
	}
	return deny(Forbidden, CalleeSide, "tenant-mismatch", "the request names another tenant than the agent's interface")
}
