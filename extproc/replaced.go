package extproc

import (
	"slices"
	"strconv"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// unsigned are the fields of a message that speak of the body, the path or the verb which its sender signed. Those of a
// message that took its place were not.
var unsigned = []string{"content-digest", "repr-digest", "signature", "signature-input"}

// replaced returns the reply by which another request goes to the agent, in the place of the message of Envoy that was
// the request's last. The route was chosen before and stays.
func replaced(reply envoywire.Reply, sent *governance.Sent) (envoywire.Reply, error) {
	switch reply.Part {
	case envoywire.RequestHeaders:
		// The request had no body; what takes its place may have one.
		reply.Replace = len(sent.Body) > 0
	case envoywire.RequestBody:
	default:
		return envoywire.Reply{}, errReplace
	}
	reply.Set = [][2]string{{":method", sent.Method}, {":path", sent.Path}}
	if len(sent.Body) > 0 {
		reply.Set = append(reply.Set, [2]string{"content-length", strconv.Itoa(len(sent.Body))})
		reply.Body = sent.Body
	}
	if sent.ContentType != "" {
		reply.Set = append(reply.Set, [2]string{"content-type", sent.ContentType})
	}
	reply.Remove = unsigned
	if sent.Extensions != nil {
		for _, name := range governance.ExtensionFields {
			if value := sent.Extensions[name]; value != "" {
				reply.Set = append(reply.Set, [2]string{name, value})
			} else {
				reply.Remove = append(slices.Clip(reply.Remove), name)
			}
		}
	}
	return reply, nil
}
