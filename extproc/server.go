// Package extproc answers Envoy's external processing filter. Per request it keeps one small state machine
// (stream.go) that brings headers and body to the governance exchange and carries the verdict back.
package extproc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/governance"
)

// Server implements envoy.service.ext_proc.v3.ExternalProcessor.
type Server struct {
	extprocv3.UnimplementedExternalProcessorServer
	governor *governance.Governor
	logger   *slog.Logger
}

// New returns a Server that decides with the governor.
func New(governor *governance.Governor, logger *slog.Logger) *Server {
	return &Server{governor: governor, logger: logger}
}

// Process serves one HTTP request. It returns nil only after its last answer was sent: Envoy takes an early OK
// for leave to proceed unguarded, even where it is told to fail closed. Every other end is an error.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	ctx := stream.Context()
	state := exchange{governor: s.governor}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return status.Error(codes.Aborted, "the request ended before it was decided")
		}
		if err != nil {
			return fmt.Errorf("receiving processing request: %w", err)
		}
		answer, decided, err := state.next(ctx, message)
		if err != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "processing stream refused", slog.Any("error", err))
			return status.Error(codes.FailedPrecondition, err.Error())
		}
		if err := stream.Send(answer); err != nil {
			return fmt.Errorf("sending processing response: %w", err)
		}
		if decided {
			return nil
		}
	}
}
