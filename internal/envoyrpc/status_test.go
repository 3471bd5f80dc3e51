package envoyrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		code codes.Code
		text string
	}{
		{errors.New("no"), codes.Unknown, "no"},
		{io.EOF, codes.Unknown, "EOF"},
		{status.Error(codes.NotFound, "no"), codes.NotFound, "no"},
		{fmt.Errorf("reading: %w", status.Error(codes.NotFound, "no")), codes.NotFound, "reading: rpc error: code = NotFound desc = no"},
		{context.Canceled, codes.Canceled, "context canceled"},
		{fmt.Errorf("reading: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "reading: context deadline exceeded"},
		{hollow{}, codes.Internal, "the handler failed without a reason"},
		{fmt.Errorf("reading: %w", hollow{}), codes.Internal, "the handler failed without a reason"},
		{errors.Join(hollow{}, status.Error(codes.NotFound, "no")), codes.Internal, "the handler failed without a reason"},
	} {
		if s := failure(c.err); s.Code() != c.code || s.Message() != c.text {
			t.Errorf("%v: %v, not %v %q", c.err, s, c.code, c.text)
		}
	}
}

func TestFailuresAreNeverSuccess(t *testing.T) {
	checkAll(t, []exchange{
		{
			name: "of-one-answer",
			say:  func(p *peer) { p.call(1, "/deed.Unary/Hollow"); p.ask(1, "a") },
			want: []string{refuses(1, 13, "the handler failed without a reason")},
		},
		{
			name: "nothing",
			say:  func(p *peer) { p.call(1, "/deed.Unary/Nothing"); p.ask(1, "a") },
			want: []string{refuses(1, 13, "writing the answer: no text")},
		},
		{
			name: "of-a-stream",
			say:  func(p *peer) { p.call(1, "/deed.Stream/Hollow"); p.ask(1, "a") },
			want: []string{refuses(1, 13, "the handler failed without a reason")},
		},
	})
}

func TestEscaped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", mostMessage-1)
	for text, want := range map[string]string{
		"":             "",
		"plain ~ text": "plain ~ text",
		"100%":         "100%25",
		"a\r\nb\x7f":   "a%0D%0Ab%7F",
		"ü":            "%C3%BC",
		"\xff":         "%FF",
		long + "bc":    long + "b",
		long + "ü":     long,
		long[1:] + "€": long[1:],
		long[2:] + "€": long[2:] + "%E2%82%AC",
	} {
		if diff := cmp.Diff(want, escaped(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}
