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
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Server implements envoy.service.ext_proc.v3.ExternalProcessor.
type Server struct {
	extprocv3.UnimplementedExternalProcessorServer
	governor *governance.Governor
	open     *governance.Open
	logger   *slog.Logger
}

// New returns a Server that decides with the governor. It enters each exchange in open for as long as its answer is not
// over, so that it can be cut off.
func New(governor *governance.Governor, open *governance.Open, logger *slog.Logger) *Server {
	return &Server{governor: governor, open: open, logger: logger}
}

// Register puts the server on a gRPC server, whose codec has to be envoywire.Codec where the coding is Raw.
func Register(r grpc.ServiceRegistrar, s *Server, coding envoywire.Coding) {
	if coding == envoywire.Generated {
		extprocv3.RegisterExternalProcessorServer(r, s)
		return
	}
	r.RegisterService(&rawService, s)
}

// wire is a processing stream, whichever code reads and writes its messages.
type wire interface {
	// receive puts the next message in the place of what m held. What it gave m before stays as it is.
	receive(m *envoywire.Message) error
	send(r *envoywire.Reply) error
}

// Process serves one HTTP request, as serve says.
func (s *Server) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	return s.serve(stream.Context(), generatedWire{stream})
}

// serve serves one HTTP request. It returns nil only after its last answer was sent: Envoy takes an early OK for leave to
// proceed unguarded, even where it is told to fail closed. Every other end is an error.
func (s *Server) serve(ctx context.Context, w wire) error {
	state := &exchange{governor: s.governor, open: s.open, wire: w}
	defer state.end()
	for {
		if err := w.receive(&state.message); err != nil {
			return s.ended(ctx, state, err)
		}
		last, err := state.take(ctx, &state.message)
		if errors.Is(err, errOrder) || errors.Is(err, errBodyMode) || errors.Is(err, errLost) || errors.Is(err, errObserved) {
			return s.refused(ctx, codes.FailedPrecondition, err)
		}
		if last || err != nil {
			return err
		}
	}
}

// refused returns the error for a stream on which Envoy said what it must not.
func (s *Server) refused(ctx context.Context, code codes.Code, err error) error {
	s.logger.LogAttrs(ctx, slog.LevelWarn, "processing stream refused", slog.Any("error", err))
	return status.Error(code, err.Error())
}

// ended returns what Process does for a stream on which nothing is received any more: nil if it was cut off, which its
// last answer has told Envoy.
func (s *Server) ended(ctx context.Context, state *exchange, err error) error {
	switch {
	case state.ended():
		return nil
	case errors.Is(err, io.EOF):
		return s.early(ctx, state)
	case errors.Is(err, errUnreadable):
		return s.refused(ctx, codes.InvalidArgument, err)
	default:
		return fmt.Errorf("receiving processing request: %w", err)
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
