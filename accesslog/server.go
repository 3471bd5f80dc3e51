// Package accesslog takes Envoy's access log as word of the calls that are over. It translates: an entry becomes the id of
// an exchange and the status of its answer. It decides nothing itself.
package accesslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	logv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Server implements envoy.service.accesslog.v3.AccessLogService.
type Server struct {
	logv3.UnimplementedAccessLogServiceServer
	governor *governance.Governor
	logger   *slog.Logger
}

// New returns a Server that tells the governor.
func New(governor *governance.Governor, logger *slog.Logger) *Server {
	return &Server{governor: governor, logger: logger}
}

// Register puts the server on a gRPC server, whose codec has to be envoywire.Codec where the coding is Raw.
func Register(r grpc.ServiceRegistrar, s *Server, coding envoywire.Coding) {
	if coding == envoywire.Generated {
		logv3.RegisterAccessLogServiceServer(r, s)
		return
	}
	r.RegisterService(&rawService, s)
}

// StreamAccessLogs takes entries until Envoy ends the stream.
func (s *Server) StreamAccessLogs(stream logv3.AccessLogService_StreamAccessLogsServer) error {
	return s.serve(stream.Context(), stream, func() ([]envoywire.Ended, error) {
		message, err := stream.Recv()
		return translated(message), err
	})
}

// serve takes what receive returns until that ends. What cannot be read ends the stream too; Envoy begins another.
func (s *Server) serve(ctx context.Context, stream grpc.ServerStream, receive func() ([]envoywire.Ended, error)) error {
	for {
		all, err := receive()
		switch {
		case errors.Is(err, io.EOF):
			return stream.SendMsg(&logv3.StreamAccessLogsResponse{})
		case errors.Is(err, errUnreadable):
			s.logger.LogAttrs(ctx, slog.LevelWarn, "access log refused", slog.Any("error", err))
			return status.Error(codes.InvalidArgument, err.Error())
		case err != nil:
			return fmt.Errorf("receiving access log: %w", err)
		}
		for i := range all {
			s.tell(&all[i])
		}
	}
}

// tell tells the governor of a call that is over. Calls that no exchange was begun for and those that are not over are none
// of its concern, and the status of Envoy's own answer is none of the agent's.
func (s *Server) tell(e *envoywire.Ended) {
	switch datav3.AccessLogType(e.Kind) {
	case datav3.AccessLogType_NotSet, datav3.AccessLogType_DownstreamEnd:
	default:
		return
	}
	answered := 0
	if e.Source == envoywire.FromAgent {
		answered = e.Status
	}
	if passage, err := governance.ParsePassage(e.Passage); err == nil && passage.Kept {
		s.governor.Ended(passage.ID, answered)
	}
}

// translated returns what Ringfence reads of entries that generated code has read.
func translated(message *logv3.StreamAccessLogsMessage) []envoywire.Ended {
	entries := message.GetHttpLogs().GetLogEntry()
	all := make([]envoywire.Ended, 0, len(entries))
	for _, entry := range entries {
		common, response := entry.GetCommonProperties(), entry.GetResponse()
		all = append(all, envoywire.Ended{
			Passage: envoyhttp.PassageText(common.GetMetadata()),
			Source:  response.GetResponseCodeDetails(),
			Status:  int(response.GetResponseCode().GetValue()),
			Kind:    int(common.GetAccessLogType()),
		})
	}
	return all
}
