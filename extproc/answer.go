package extproc

import (
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
)

// verdict returns the answer that carries the exchange's verdict: proceed, when it allows, else the denial.
func verdict(x *governance.Exchange, proceed *extprocv3.ProcessingResponse) *extprocv3.ProcessingResponse {
	if x.Verdict.Decision == governance.Allow && proceed != nil {
		return proceed
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

// replies are what Envoy is sent in answer to one of its messages.
type replies []*extprocv3.ProcessingResponse

func one(reply *extprocv3.ProcessingResponse) replies { return replies{reply} }

// withAnswer asks Envoy for the agent's answer too. Envoy takes the body modes literally, so the request's is said again.
func withAnswer(response *extprocv3.ProcessingResponse) *extprocv3.ProcessingResponse {
	response.ModeOverride = &filterv3.ProcessingMode{
		RequestHeaderMode:   filterv3.ProcessingMode_SEND,
		RequestBodyMode:     filterv3.ProcessingMode_BUFFERED,
		RequestTrailerMode:  filterv3.ProcessingMode_SEND,
		ResponseHeaderMode:  filterv3.ProcessingMode_SEND,
		ResponseBodyMode:    filterv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseTrailerMode: filterv3.ProcessingMode_SEND,
	}
	return response
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

func continueAnswer() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
		ResponseHeaders: &extprocv3.HeadersResponse{},
	}}
}

// answerPiece passes a piece of the answer's body; end says that it is the last.
func answerPiece(piece []byte, end bool) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{
			BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_StreamedResponse{
				StreamedResponse: &extprocv3.StreamedBodyResponse{Body: piece, EndOfStream: end},
			}},
		}},
	}}
}

// own passes a piece of Envoy's own reply, whose words and form are the mesh's, as it stands: in full duplex Envoy has let
// go of what it sent, and would leave the client without it.
func own(body *extprocv3.HttpBody) []*extprocv3.ProcessingResponse {
	return one(answerPiece(body.GetBody(), body.GetEndOfStream()))
}

// continueAnswerTrailers passes the trailers with the given fields in place of the agent's.
func continueAnswerTrailers(fields [][2]string) *extprocv3.ProcessingResponse {
	response := &extprocv3.TrailersResponse{}
	if len(fields) > 0 {
		response.HeaderMutation = &extprocv3.HeaderMutation{SetHeaders: envoyhttp.RawOptions(fields)}
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: response}}
}
