// Package extproc answers Envoy's external processing filter. Per request it keeps one small state machine
// (stream.go) that brings headers and body to the governance exchange and carries the verdict back.
package extproc

import (
	"context"
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
	defer state.end()
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return s.early(ctx, &state)
		}
		if err != nil {
			return fmt.Errorf("receiving processing request: %w", err)
		}
		answers, last, err := state.next(ctx, message)
		if err != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "processing stream refused", slog.Any("error", err))
			return status.Error(codes.FailedPrecondition, err.Error())
		}
		for _, answer := range answers {
			if err := stream.Send(answer); err != nil {
				return fmt.Errorf("sending processing response: %w", err)
			}
		}
		if last {
			return nil
		}
	}
}

// early returns the error for a stream that Envoy ended before its last answer. One that ends before the agent's answer
// came is a client that went away, or an Envoy that does not send answers, which an operator has to know.
func (s *Server) early(ctx context.Context, state *exchange) error {
	if state.decided && state.answer == nil && !state.mesh {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "an answer was not sent for judgement; the filter needs allow_mode_override")
	}
	return status.Error(codes.Aborted, "the exchange ended before it was decided")
}
