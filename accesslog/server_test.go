package accesslog_test

import (
	"log/slog"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	logv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"ringfence.dev/ringfence/accesslog"
	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/meshtest/governed"
	"ringfence.dev/ringfence/internal/meshtest/served"
)

// entry is what Envoy logs of a call that ext_authz left a passage for.
func entry(passage, details string, kind datav3.AccessLogType) *datav3.HTTPAccessLogEntry {
	return &datav3.HTTPAccessLogEntry{
		CommonProperties: &datav3.AccessLogCommon{
			AccessLogType: kind,
			Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
				envoyhttp.MetadataNamespace: envoyhttp.Passage(passage),
			}},
		},
		Response: &datav3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(200), ResponseCodeDetails: details},
	}
}

func TestCallsThatAreOver(t *testing.T) {
	t.Parallel()
	for _, coding := range []envoywire.Coding{envoywire.Raw, envoywire.Generated} {
		t.Run(string(coding), func(t *testing.T) {
			t.Parallel()
			testCallsThatAreOver(t, coding)
		})
	}
}

func testCallsThatAreOver(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	for _, c := range []struct {
		name  string
		entry func(passage string) *datav3.HTTPAccessLogEntry
		waits int
	}{
		{"answered", func(p string) *datav3.HTTPAccessLogEntry {
			return entry(p, envoywire.FromAgent, datav3.AccessLogType_DownstreamEnd)
		}, 0},
		{"untyped", func(p string) *datav3.HTTPAccessLogEntry {
			return entry(p, "downstream_remote_disconnect", datav3.AccessLogType_NotSet)
		}, 0},
		{"under-way", func(p string) *datav3.HTTPAccessLogEntry {
			return entry(p, "", datav3.AccessLogType_DownstreamPeriodic)
		}, 1},
		{"begun", func(p string) *datav3.HTTPAccessLogEntry { return entry(p, "", datav3.AccessLogType_DownstreamStart) }, 1},
		{"another's", func(string) *datav3.HTTPAccessLogEntry {
			return entry(governance.Passage{ID: "d"}.String(), "", datav3.AccessLogType_DownstreamEnd)
		}, 1},
		{"nobody's", func(string) *datav3.HTTPAccessLogEntry { return entry("", "", datav3.AccessLogType_DownstreamEnd) }, 1},
		{"empty", func(string) *datav3.HTTPAccessLogEntry { return nil }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			governor, _ := governed.GovernorWith(m, func(config *governance.Config) { config.Policy.AnswerContent = governance.ContentOff })
			passage := underway(t, m, governor)
			stream, err := client(t, governor, coding).StreamAccessLogs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			logs := &logv3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: []*datav3.HTTPAccessLogEntry{c.entry(passage)}}
			for range 2 {
				if err := stream.Send(&logv3.StreamAccessLogsMessage{LogEntries: &logv3.StreamAccessLogsMessage_HttpLogs{HttpLogs: logs}}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := stream.CloseAndRecv(); err != nil {
				t.Fatal(err)
			}
			if governor.Awaited() != c.waits {
				t.Errorf("%d calls are awaited, want %d", governor.Awaited(), c.waits)
			}
		})
	}
}

// underway lets a call through and returns its passage.
func underway(t *testing.T, m *meshtest.Mesh, governor *governance.Governor) string {
	t.Helper()
	body := meshtest.Send("pay")
	request, err := governed.Request(m, meshtest.Call{From: "caller", To: "/agents/ledger", Body: body})
	if err != nil {
		t.Fatal(err)
	}
	request.Body, request.Complete, request.Told = []byte(body), true, true
	x := governor.Open(t.Context(), request)
	if x.Next != governance.NextPass || governor.Awaited() != 1 {
		t.Fatalf("the call goes on with %d: %+v", x.Next, x.Verdict)
	}
	return x.Passage().String()
}

func client(t *testing.T, governor *governance.Governor, coding envoywire.Coding) logv3.AccessLogServiceClient {
	t.Helper()
	server := grpc.NewServer(grpc.ForceServerCodecV2(envoywire.Codec()))
	accesslog.Register(server, accesslog.New(governor, slog.New(slog.DiscardHandler)), coding)
	return logv3.NewAccessLogServiceClient(served.Connect(t, server))
}
