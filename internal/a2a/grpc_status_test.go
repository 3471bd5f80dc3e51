package a2a_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence.dev/ringfence/internal/a2a"
)

// statusOf returns the status in the headers of a gRPC denial.
func statusOf(t *testing.T, r a2a.Response) *status.Status {
	t.Helper()
	for _, h := range r.Headers {
		if h[0] != "grpc-status-details-bin" {
			continue
		}
		b, err := base64.RawStdEncoding.DecodeString(h[1])
		if err != nil {
			t.Fatal(err)
		}
		s := new(status.Status)
		if err := proto.Unmarshal(b, s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatal("no details")
	return nil
}

func wantStatus(t *testing.T, d a2a.Denial) *status.Status {
	t.Helper()
	valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	want := &status.Status{Code: int32(d.GRPC), Message: valid(d.Message)}
	add := func(m proto.Message) {
		wrapped, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		want.Details = append(want.Details, wrapped)
	}
	info := &errdetails.ErrorInfo{Reason: valid(d.Reason), Domain: a2a.ErrorDomain}
	for _, m := range d.Metadata {
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[valid(m.Key)] = valid(m.Value)
	}
	add(info)
	if d.RetryAfterSeconds > 0 {
		add(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(d.RetryAfterSeconds) * time.Second)})
	}
	return want
}

func FuzzDenialGRPC(f *testing.F) {
	f.Add(7, "ring 3: 100% né\n", "RING_TOO_LOW", "decision", "d-17", 0)
	f.Add(8, "slow down", "RATE_LIMITED", "", "", 86400)
	f.Add(16, "\xff", "\xfe", "\xfd", strings.Repeat("x", 300), 1)
	f.Fuzz(func(t *testing.T, code int, message, reason, key, value string, retry int) {
		d := a2a.Denial{
			Binding: a2a.GRPC, GRPC: (code&15)%16 + 1, Message: message, Reason: reason,
			Metadata: []a2a.Pair{{Key: key, Value: value}}, RetryAfterSeconds: retry & 0xFFFFF,
		}
		if diff := cmp.Diff(wantStatus(t, d), statusOf(t, d.Response()), protocmp.Transform()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	})
}
