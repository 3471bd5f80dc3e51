package extproc

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
)

// verdict returns the answer that carries the exchange's verdict: proceed, when it allows, else the denial.
func verdict(x *governance.Exchange, proceed func() *extprocv3.ProcessingResponse) *extprocv3.ProcessingResponse {
	if x.Verdict.Decision == governance.Allow {
		return proceed()
	}
	denial := x.Denial()
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(denial.Status)},
			Headers: &extprocv3.HeaderMutation{SetHeaders: envoyhttp.RawOptions(denial.Headers)},
			Body:    denial.Body,
			Details: "ringfence_" + x.Verdict.Factor,
		},
	}}
}

func continueHeaders() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{},
	}}
}

func continueBody() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: &extprocv3.BodyResponse{},
	}}
}

func continueTrailers() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestTrailers{
		RequestTrailers: &extprocv3.TrailersResponse{},
	}}
}
