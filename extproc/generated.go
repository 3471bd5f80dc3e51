package extproc

import (
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
)

// generatedWire is a stream whose messages are read and written by protobuf's generated code.
type generatedWire struct {
	stream extprocv3.ExternalProcessor_ProcessServer
}

func (w generatedWire) receive(m *envoywire.Message) error {
	request, err := w.stream.Recv()
	if err == nil {
		*m = translated(request)
	}
	return err
}

func (w generatedWire) send(r *envoywire.Reply) error { return w.stream.Send(written(r)) }

// translated returns what Ringfence reads of a message that generated code has read.
func translated(request *extprocv3.ProcessingRequest) envoywire.Message {
	config := request.GetProtocolConfig()
	m := envoywire.Message{
		Observed:     request.GetObservabilityMode(),
		RequestMode:  envoywire.BodyMode(config.GetRequestBodyMode()),
		ResponseMode: envoywire.BodyMode(config.GetResponseBodyMode()),
	}
	switch part := request.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		m.Part = envoywire.RequestHeaders
		headers(&m, request, part.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		m.Part, m.Body, m.End = envoywire.RequestBody, part.RequestBody.GetBody(), part.RequestBody.GetEndOfStream()
	case *extprocv3.ProcessingRequest_RequestTrailers:
		m.Part = envoywire.RequestTrailers
		trailers(&m, part.RequestTrailers)
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		m.Part = envoywire.ResponseHeaders
		headers(&m, request, part.ResponseHeaders)
	case *extprocv3.ProcessingRequest_ResponseBody:
		m.Part, m.Body, m.End = envoywire.ResponseBody, part.ResponseBody.GetBody(), part.ResponseBody.GetEndOfStream()
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		m.Part = envoywire.ResponseTrailers
		trailers(&m, part.ResponseTrailers)
	}
	return m
}

func headers(m *envoywire.Message, request *extprocv3.ProcessingRequest, h *extprocv3.HttpHeaders) {
	m.Header, m.Pseudo = envoyhttp.Header(h.GetHeaders().GetHeaders())
	m.End = h.GetEndOfStream()
	m.Passage = envoyhttp.PassageText(request.GetMetadataContext())
	m.Source = envoyhttp.ResponseSource(request.GetAttributes())
}

func trailers(m *envoywire.Message, t *extprocv3.HttpTrailers) {
	m.Header, m.Pseudo = envoyhttp.Header(t.GetTrailers().GetHeaders())
	m.End = true
}

// written returns the message that says a reply, for generated code to write.
func written(r *envoywire.Reply) *extprocv3.ProcessingResponse {
	response := &extprocv3.ProcessingResponse{}
	if r.Ask {
		response.ModeOverride = answerMode()
	}
	if r.Next != "" {
		response.DynamicMetadata = &structpb.Struct{Fields: map[string]*structpb.Value{
			envoywire.MetadataNamespace: structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
				envoywire.NextKey: structpb.NewStringValue(r.Next),
			}}),
		}}
	}
	headers := func() *extprocv3.HeadersResponse { return &extprocv3.HeadersResponse{Response: change(r)} }
	trailers := func() *extprocv3.TrailersResponse { return &extprocv3.TrailersResponse{HeaderMutation: fields(r)} }
	switch r.Part {
	case envoywire.RequestHeaders:
		response.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: headers()}
	case envoywire.RequestBody:
		response.Response = &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{Response: change(r)}}
	case envoywire.RequestTrailers:
		response.Response = &extprocv3.ProcessingResponse_RequestTrailers{RequestTrailers: trailers()}
	case envoywire.ResponseHeaders:
		response.Response = &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: headers()}
	case envoywire.ResponseBody:
		response.Response = &extprocv3.ProcessingResponse_ResponseBody{ResponseBody: &extprocv3.BodyResponse{Response: piece(r)}}
	case envoywire.ResponseTrailers:
		response.Response = &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: trailers()}
	default:
		response.Response = &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: immediate(r)}
	}
	return response
}

// answerMode asks Envoy for the agent's answer. Envoy takes the body modes literally, so the request's is said again.
func answerMode() *filterv3.ProcessingMode {
	return &filterv3.ProcessingMode{
		RequestHeaderMode:   filterv3.ProcessingMode_SEND,
		RequestBodyMode:     filterv3.ProcessingMode_BUFFERED,
		RequestTrailerMode:  filterv3.ProcessingMode_SEND,
		ResponseHeaderMode:  filterv3.ProcessingMode_SEND,
		ResponseBodyMode:    filterv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseTrailerMode: filterv3.ProcessingMode_SEND,
	}
}

// change returns what a reply changes of headers or of a request's body; nil where it changes nothing.
func change(r *envoywire.Reply) *extprocv3.CommonResponse {
	mutation := fields(r)
	if mutation == nil && len(r.Body) == 0 && !r.Replace {
		return nil
	}
	common := &extprocv3.CommonResponse{HeaderMutation: mutation}
	if r.Replace {
		common.Status = extprocv3.CommonResponse_CONTINUE_AND_REPLACE
	}
	if len(r.Body) > 0 {
		common.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: r.Body}}
	}
	return common
}

func fields(r *envoywire.Reply) *extprocv3.HeaderMutation {
	if len(r.Set) == 0 && len(r.Remove) == 0 {
		return nil
	}
	return &extprocv3.HeaderMutation{SetHeaders: envoyhttp.RawOptions(r.Set), RemoveHeaders: r.Remove}
}

// piece returns the next piece of an answer, of which an empty one may be the last.
func piece(r *envoywire.Reply) *extprocv3.CommonResponse {
	return &extprocv3.CommonResponse{BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_StreamedResponse{
		StreamedResponse: &extprocv3.StreamedBodyResponse{Body: r.Body, EndOfStream: r.End},
	}}}
}

func immediate(r *envoywire.Reply) *extprocv3.ImmediateResponse {
	return &extprocv3.ImmediateResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)},
		Headers: &extprocv3.HeaderMutation{SetHeaders: envoyhttp.RawOptions(r.Set)},
		Body:    r.Body,
		Details: r.Details,
	}
}
