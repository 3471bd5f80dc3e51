package envoyrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// reference is the same services on this server and on that of grpc-go, each with a client.
type reference struct {
	lean, general *grpc.ClientConn
}

func newReference(t *testing.T) reference {
	t.Helper()
	lean := newServer(&deed{})
	general := grpc.NewServer(grpc.ForceServerCodecV2(texts{}), grpc.MaxRecvMsgSize(largest))
	(&deed{recovers: true}).register(general)
	dir := t.TempDir()
	serve := func(name string, by func(net.Listener) error) *grpc.ClientConn {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- by(l) }()
		client, err := grpc.NewClient("unix:"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(texts{}), grpc.MaxCallRecvMsgSize(8<<20)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = client.Close()
			if name == "lean" {
				if err := lean.Stop(context.Background()); err != nil {
					t.Errorf("stopping: %v", err)
				}
			} else {
				general.Stop()
			}
			if err := <-served; err != nil {
				t.Errorf("serving %s: %v", name, err)
			}
		})
		return client
	}
	return reference{lean: serve("lean", lean.Serve), general: serve("general", general.Serve)}
}

// outcome is all that a client sees of a call.
type outcome struct {
	Messages []string
	Code     string
	Text     string
}

func (o *outcome) end(err error) {
	s := status.Convert(err)
	if errors.Is(err, io.EOF) {
		s = nil
	}
	o.Code, o.Text = s.Code().String(), s.Message()
}

// ask is a call with one message and one answer.
func ask(path, text string) func(context.Context, *grpc.ClientConn) outcome {
	return func(ctx context.Context, client *grpc.ClientConn) (o outcome) {
		answer := ""
		err := client.Invoke(ctx, path, &text, &answer)
		if err == nil {
			o.Messages = []string{answer}
		}
		o.end(err)
		return o
	}
}

var duplex = grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// talk is a call with messages, all of which are sent before an answer is read, or each read before the next is sent.
func talk(path string, turns bool, texts ...string) func(context.Context, *grpc.ClientConn) outcome {
	return func(ctx context.Context, client *grpc.ClientConn) (o outcome) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := client.NewStream(ctx, &duplex, path)
		if err != nil {
			o.end(err)
			return o
		}
		hear := func() error {
			text := ""
			err := stream.RecvMsg(&text)
			if err == nil {
				o.Messages = append(o.Messages, text)
			}
			return err
		}
		for i := range texts {
			if err := stream.SendMsg(&texts[i]); err != nil {
				break // The reason is read below.
			}
			if turns {
				if err := hear(); err != nil {
					o.end(err)
					return o
				}
			}
		}
		_ = stream.CloseSend() // As above.
		for err == nil {
			err = hear()
		}
		o.end(err)
		return o
	}
}

// soon has a call end by its deadline, of which the client words the error.
func soon(call func(context.Context, *grpc.ClientConn) outcome) func(context.Context, *grpc.ClientConn) outcome {
	return func(ctx context.Context, client *grpc.ClientConn) outcome {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		defer cancel()
		o := call(ctx, client)
		o.Text = ""
		return o
	}
}

// abandoned is a call that its client gives up once it has heard so many answers.
func abandoned(path string, heard int) func(context.Context, *grpc.ClientConn) outcome {
	return func(ctx context.Context, client *grpc.ClientConn) (o outcome) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := client.NewStream(ctx, &duplex, path)
		text := "a"
		if err == nil {
			err = stream.SendMsg(&text)
		}
		for range heard {
			if err == nil {
				err = stream.RecvMsg(&text)
			}
		}
		if cancel(); err == nil {
			err = stream.RecvMsg(&text)
		}
		o.end(err)
		return o
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	r := newReference(t)
	mebibyte := strings.Repeat("m", 1<<20)
	odd := "3 " + "100% \"ü\" 界 \x01\n\t~\x7f" + strings.Repeat("€", 200)
	for name, call := range map[string]func(context.Context, *grpc.ClientConn) outcome{
		"empty":                      ask("/deed.Unary/Echo", ""),
		"small":                      ask("/deed.Unary/Echo", "a"),
		"largest":                    ask("/deed.Unary/Echo", mebibyte[:largest]),
		"too-large":                  ask("/deed.Unary/Echo", mebibyte[:largest+1]),
		"far-too-large":              ask("/deed.Unary/Echo", mebibyte),
		"large-answer":               ask("/deed.Unary/Large", "1048576"),
		"larger-answer":              ask("/deed.Unary/Large", "7000000"),
		"permission-denied":          ask("/deed.Unary/Fail", "7 no"),
		"unknown-code":               ask("/deed.Unary/Fail", "77 no"),
		"no-message":                 ask("/deed.Unary/Fail", "5 "),
		"odd-message":                ask("/deed.Unary/Fail", odd),
		"plain-error":                ask("/deed.Unary/Plain", "no"),
		"wrapped-error":              ask("/deed.Unary/Wrapped", ""),
		"error-of-a-context":         ask("/deed.Unary/Ended", ""),
		"panic":                      ask("/deed.Unary/Panic", ""),
		"unreadable":                 ask("/deed.Unary/Echo", "unreadable"),
		"unknown-method":             ask("/deed.Unary/Other", "a"),
		"unknown-service":            ask("/other/Echo", "a"),
		"deadline":                   soon(ask("/deed.Unary/Wait", "a")),
		"deadline-of-a-stream":       soon(talk("/deed.Stream/Wait", false, "a")),
		"two-messages":               talk("/deed.Unary/Echo", false, "a", "b"),
		"unary-as-a-stream":          talk("/deed.Unary/Echo", false, "a"),
		"turns":                      talk("/deed.Stream/Chat", true, "a", "", "b", mebibyte[:largest], "c"),
		"no-turns":                   talk("/deed.Stream/Chat", false, "a", "", "b", mebibyte[:100_000], "c"),
		"nothing-said":               talk("/deed.Stream/Chat", false),
		"too-large-in-a-stream":      talk("/deed.Stream/Chat", true, "a", mebibyte[:largest+1]),
		"collected":                  talk("/deed.Stream/Collect", false, "a", "", mebibyte[:150_000], mebibyte[:150_000], "b"),
		"nothing-collected":          talk("/deed.Stream/Collect", false),
		"large-message-of-a-stream":  talk("/deed.Stream/Large", false, "1048576"),
		"early-error":                talk("/deed.Stream/Early", true, "no"),
		"early-error-with-more":      talk("/deed.Stream/Early", false, "no", "a", "b", "c"),
		"early-success":              talk("/deed.Stream/Enough", true, "a"),
		"panic-of-a-stream":          talk("/deed.Stream/Panic", false, "a"),
		"unknown-method-of-a-stream": talk("/deed.Stream/Other", false, "a"),
		"abandoned":                  abandoned("/deed.Stream/Wait", 0),
		"abandoned-in-between":       abandoned("/deed.Stream/Chat", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := call(t.Context(), r.general), call(t.Context(), r.lean)
			if want.Code != "OK" && worded[name] != "" {
				want.Text = worded[name]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// worded are the calls whose error is the same, in words of this server's own.
var worded = map[string]string{
	"too-large":                  "the message is too large",
	"far-too-large":              "the message is too large",
	"too-large-in-a-stream":      "the message is too large",
	"unreadable":                 "reading the message: it is unreadable",
	"unknown-method":             "there is no such method",
	"unknown-service":            "there is no such method",
	"unknown-method-of-a-stream": "there is no such method",
	"two-messages":               "the call needs exactly one message",
}

// TestReferenceOfMany has many calls at once go through one connection.
func TestReferenceOfMany(t *testing.T) {
	t.Parallel()
	r := newReference(t)
	var calls sync.WaitGroup
	for i := range 300 {
		text := fmt.Sprintf("%d %s", i%16+1, strings.Repeat("x", i*100))
		calls.Go(func() {
			for _, call := range []func(context.Context, *grpc.ClientConn) outcome{
				ask("/deed.Unary/Echo", text), ask("/deed.Unary/Fail", text[:min(len(text), 500)]), talk("/deed.Stream/Chat", true, text, "", text),
			} {
				want, got := call(t.Context(), r.general), call(t.Context(), r.lean)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%.10s: %s", text, diff)
				}
			}
		})
	}
	calls.Wait()
}
