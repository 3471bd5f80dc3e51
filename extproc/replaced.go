package extproc

import (
	"slices"
	"strconv"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
)

// unsigned are the fields of a message that speak of the body, the path or the verb which its sender signed. Those of a
// message that took its place were not.
var unsigned = []string{"content-digest", "repr-digest", "signature", "signature-input"}

// replaced returns the answer by which another request goes to the agent, in the place of the message of Envoy that was
// the request's last. The route was chosen before and stays.
func replaced(proceed *extprocv3.ProcessingResponse, sent *governance.Sent) (*extprocv3.ProcessingResponse, error) {
	fields := [][2]string{{":method", sent.Method}, {":path", sent.Path}}
	common := &extprocv3.CommonResponse{}
	if len(sent.Body) > 0 {
		fields = append(fields, [2]string{"content-length", strconv.Itoa(len(sent.Body))})
		common.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: sent.Body}}
	}
	if sent.ContentType != "" {
		fields = append(fields, [2]string{"content-type", sent.ContentType})
	}
	remove := unsigned
	if sent.Extensions != nil {
		for _, name := range governance.ExtensionFields {
			if value := sent.Extensions[name]; value != "" {
				fields = append(fields, [2]string{name, value})
			} else {
				remove = append(slices.Clip(remove), name)
			}
		}
	}
	common.HeaderMutation = &extprocv3.HeaderMutation{SetHeaders: envoyhttp.RawOptions(fields), RemoveHeaders: remove}
	switch part := proceed.GetResponse().(type) {
	case *extprocv3.ProcessingResponse_RequestHeaders:
		if len(sent.Body) > 0 {
			// The request had no body, and what takes its place has one.
			common.Status = extprocv3.CommonResponse_CONTINUE_AND_REPLACE
		}
		part.RequestHeaders.Response = common
	case *extprocv3.ProcessingResponse_RequestBody:
		part.RequestBody.Response = common
	default:
		return nil, errReplace
	}
	return proceed, nil
}
