package xds_test

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// relay plays the governor on answers, which it has sent to it in full duplex: it holds or passes what it is sent.
type relay struct {
	// judge is given each chunk and says what passes now, and whether that is the last. While it returns nothing,
	// everything is held, up to the end.
	judge func(chunk []byte, end bool) (pass []byte, last bool)
	// refuse takes the place of an answer of which nothing has passed yet, if it returns anything.
	refuse func(seen []byte) *extprocv3.ProcessingResponse
	// fails is the part of the answer, headers or body, on which the governor breaks down.
	fails string
	// trailers replaces fields of the answer's trailers.
	trailers [][2]string
}

// talk has the governor treat answers as the relay does. It keeps what it is sent of them.
func (r relay) talk(g *governor) {
	g.talk(func(stream extprocv3.ExternalProcessor_ProcessServer) error {
		c := &conversation{relay: r, ExternalProcessor_ProcessServer: stream}
		for {
			m, err := stream.Recv()
			if err != nil {
				return err
			}
			if m.GetResponseHeaders() != nil || m.GetResponseBody() != nil || m.GetResponseTrailers() != nil {
				g.mu.Lock()
				g.messages = append(g.messages, m)
				g.mu.Unlock()
			}
			if over, err := c.next(m); err != nil || over {
				return err
			}
		}
	})
}

// conversation is one stream of a relay.
type conversation struct {
	relay
	extprocv3.ExternalProcessor_ProcessServer

	seen     []byte
	released bool
}

func (c *conversation) next(m *extprocv3.ProcessingRequest) (over bool, err error) {
	switch part := m.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		switch {
		case c.fails == "headers":
			return true, status.Error(codes.Internal, "broken")
		case part.ResponseHeaders.GetEndOfStream():
			return true, c.pass(nil, false)
		}
		return false, nil
	case *extprocv3.ProcessingRequest_ResponseBody:
		return c.body(part.ResponseBody.GetBody(), part.ResponseBody.GetEndOfStream())
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		if !c.released {
			if err := c.pass(c.seen, false); err != nil {
				return true, err
			}
		}
		return true, c.Send(trailing(c.trailers))
	default:
		answer := proceed(m)
		if m.GetRequestHeaders() != nil {
			answer.ModeOverride = fullDuplex()
		}
		return false, c.Send(answer)
	}
}

func (c *conversation) body(chunk []byte, end bool) (over bool, err error) {
	if c.fails == "body" {
		return true, status.Error(codes.Internal, "broken")
	}
	c.seen = append(c.seen, chunk...)
	if c.refuse != nil {
		if refusal := c.refuse(c.seen); refusal != nil {
			return true, c.Send(refusal)
		}
	}
	pass, last := c.judge(chunk, end)
	if end && !c.released {
		pass = c.seen
	}
	if pass == nil && !last {
		return false, nil
	}
	return last || end, c.pass(pass, last || end)
}

// pass releases the headers, once, and sends what passes in pieces of the size that Envoy asks for.
func (c *conversation) pass(body []byte, end bool) error {
	if !c.released {
		c.released = true
		if err := c.Send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{}}); err != nil {
			return err
		}
	}
	for more := len(body) > 0 || end; more; more = len(body) > 0 {
		piece := body[:min(len(body), 64<<10)]
		body = body[len(piece):]
		if err := c.Send(streamed(piece, end && len(body) == 0)); err != nil {
			return err
		}
	}
	return nil
}

func fullDuplex() *filterv3.ProcessingMode {
	return &filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, RequestBodyMode: filterv3.ProcessingMode_BUFFERED,
		RequestTrailerMode: filterv3.ProcessingMode_SEND, ResponseHeaderMode: filterv3.ProcessingMode_SEND,
		ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED, ResponseTrailerMode: filterv3.ProcessingMode_SEND,
	}
}

func streamed(piece []byte, end bool) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{
			BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_StreamedResponse{
				StreamedResponse: &extprocv3.StreamedBodyResponse{Body: piece, EndOfStream: end},
			}},
		}},
	}}
}

func trailing(fields [][2]string) *extprocv3.ProcessingResponse {
	answer := &extprocv3.TrailersResponse{}
	if len(fields) > 0 {
		answer.HeaderMutation = &extprocv3.HeaderMutation{}
	}
	for _, f := range fields {
		answer.HeaderMutation.SetHeaders = append(answer.HeaderMutation.SetHeaders, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: f[0], RawValue: []byte(f[1])},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: answer}}
}
