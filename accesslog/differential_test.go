package accesslog

import (
	"bytes"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	logv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
)

func logged(passage string) *datav3.HTTPAccessLogEntry {
	return &datav3.HTTPAccessLogEntry{
		CommonProperties: &datav3.AccessLogCommon{
			SampleRate: 1, UpstreamCluster: "agent/ledger/10.0.0.1", Duration: durationpb.New(5), StreamId: "462e2def",
			ResponseFlags: &datav3.ResponseFlags{DownstreamConnectionTermination: true},
			Metadata:      &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{envoyhttp.MetadataNamespace: envoyhttp.Passage(passage)}},
			AccessLogType: datav3.AccessLogType_DownstreamEnd,
		},
		ProtocolVersion: datav3.HTTPAccessLogEntry_HTTP2,
		Request:         &datav3.HTTPRequestProperties{Path: "/agents/ledger", RequestHeadersBytes: 489},
		Response:        &datav3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(200), ResponseCodeDetails: "via_upstream", ResponseBodyBytes: 36},
	}
}

// FuzzAccessLog holds that what generated code takes is read alike by hand, unless it has a key or a field of the metadata
// twice, and that nothing is taken that generated code refuses to find the end of.
func FuzzAccessLog(f *testing.F) {
	for _, entries := range [][]*datav3.HTTPAccessLogEntry{nil, {nil}, {logged("5\nd-1")}, {logged(""), logged("5\nd-2"), {}}} {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(&logv3.StreamAccessLogsMessage{LogEntries: &logv3.StreamAccessLogsMessage_HttpLogs{
			HttpLogs: &logv3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: entries},
		}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame := &envoywire.Frame{}
		if err := envoywire.Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, frame); err != nil {
			t.Fatal(err)
		}
		got, refused := frame.Ended()
		message := &logv3.StreamAccessLogsMessage{}
		if err := proto.Unmarshal(data, message); err != nil || refused != nil {
			return
		}
		// Nobody writes messages that have to be merged, or that a later one excludes.
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil || !bytes.Equal(again, data) {
			return
		}
		if diff := cmp.Diff(translated(message), got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("generated code reads (-), Ringfence (+)\n%s", diff)
		}
	})
}
