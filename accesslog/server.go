// Package accesslog takes Envoy's access log as word of the calls that are over. It translates: an entry becomes the id of
// an exchange and the status of its answer. It decides nothing itself.
package accesslog

import (
	"errors"
	"fmt"
	"io"

	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	logv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Server implements envoy.service.accesslog.v3.AccessLogService.
type Server struct {
	logv3.UnimplementedAccessLogServiceServer
	governor *governance.Governor
}

// New returns a Server that tells the governor.
func New(governor *governance.Governor) *Server { return &Server{governor: governor} }

// StreamAccessLogs takes entries until Envoy ends the stream.
func (s *Server) StreamAccessLogs(stream logv3.AccessLogService_StreamAccessLogsServer) error {
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return stream.SendAndClose(&logv3.StreamAccessLogsResponse{})
		case err != nil:
			return fmt.Errorf("receiving access log: %w", err)
		}
		for _, entry := range message.GetHttpLogs().GetLogEntry() {
			if id, status := ended(entry); id != "" {
				s.governor.Ended(id, status)
			}
		}
	}
}

// ended returns the exchange of the call that an entry tells of, and the status of the agent's answer: 0 where that is
// Envoy's own. The id is empty for calls that no exchange was begun for, and for those that are not over.
func ended(entry *datav3.HTTPAccessLogEntry) (id string, status int) {
	common := entry.GetCommonProperties()
	switch common.GetAccessLogType() {
	case datav3.AccessLogType_NotSet, datav3.AccessLogType_DownstreamEnd:
	default:
		return "", 0
	}
	if entry.GetResponse().GetResponseCodeDetails() == envoywire.FromAgent {
		status = int(entry.GetResponse().GetResponseCode().GetValue())
	}
	return governance.PassageID(envoyhttp.PassageText(common.GetMetadata())), status
}
