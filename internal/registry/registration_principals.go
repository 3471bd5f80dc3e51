package registry

import (
	"fmt"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// dids mints the did:mesh of every did:key, so that both are among the agent's identifiers.
func (d *draft) dids(given []string) {
	if len(given) > maxDIDs {
		d.fail("dids", fmt.Sprintf("must list at most %d identifiers", maxDIDs))
		return
	}
	minted := map[string]bool{}
	for _, did := range given {
		if key, err := agent.ParseKeyDID(did); err == nil && !minted[key.Mesh] {
			minted[key.Mesh] = true
			d.record.DIDs = append(d.record.DIDs, key.DID, key.Mesh)
		}
	}
	seen := map[string]bool{}
	for i, did := range given {
		path := fmt.Sprintf("dids[%d]", i)
		_, keyProblem := agent.ParseKeyDID(did)
		isWeb := strings.HasPrefix(did, agent.WebMethod)
		err := agent.ValidateDID(did)
		switch {
		case err != nil:
			d.fail(path, err.Error())
		case seen[did]:
			d.fail(path, "is listed twice")
		case isWeb:
			d.record.DIDs = append(d.record.DIDs, did)
		case keyProblem != nil && !minted[did]:
			d.fail(path, "needs the did:key it was minted from beside it: a did:mesh alone carries no key")
		}
		seen[did] = true
	}
}

// sidecars takes did:keys alone: a signature by a sidecar names its key, or the document of the agent's did:mesh.
func (d *draft) sidecars(given []string) {
	if len(given) > maxSidecars {
		d.fail("sidecarDids", fmt.Sprintf("must list at most %d keys", maxSidecars))
		return
	}
	for i, did := range given {
		path := fmt.Sprintf("sidecarDids[%d]", i)
		_, err := agent.ParseKeyDID(did)
		switch {
		case err != nil:
			d.fail(path, err.Error())
		case slices.Contains(given[:i], did):
			d.fail(path, "is listed twice")
		case slices.Contains(d.record.DIDs, did):
			d.fail(path, "is a key of the agent itself")
		}
	}
	d.record.Sidecars = slices.Clone(given)
}

func (d *draft) workloads(given []string) {
	if len(given) > maxWorkloads {
		d.fail("spiffeIds", fmt.Sprintf("must list at most %d identifiers", maxWorkloads))
		return
	}
	for i, id := range given {
		path := fmt.Sprintf("spiffeIds[%d]", i)
		_, err := agent.ParseWorkload(id)
		switch {
		case err != nil:
			d.fail(path, err.Error())
		case slices.Contains(given[:i], id):
			d.fail(path, "is listed twice")
		}
	}
	d.record.Workloads = slices.Clone(given)
}

func (d *draft) subjects(given []agent.Subject) {
	if len(given) > maxSubjects {
		d.fail("subjects", fmt.Sprintf("must list at most %d subjects", maxSubjects))
		return
	}
	for i, subject := range given {
		path := fmt.Sprintf("subjects[%d]", i)
		for _, problem := range subject.Problems(path) {
			d.problems = append(d.problems, problem)
		}
		if slices.Contains(given[:i], subject) {
			d.fail(path, "is listed twice")
		}
	}
	d.record.Subjects = slices.Clone(given)
}
