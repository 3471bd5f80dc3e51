package extproc

import (
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// TestReplaced holds how Envoy is told of a request that goes on in the place of another.
func TestReplaced(t *testing.T) {
	t.Parallel()
	message := &governance.Sent{Method: "POST", Path: "/agents/ledger/message:send", ContentType: "application/json", Body: []byte(`{"a":1}`)}
	named := &governance.Sent{Method: "GET", Path: "/agents/ledger/tasks/t-1"}
	for _, c := range []struct {
		name    string
		proceed envoywire.Reply
		sent    *governance.Sent
		status  extprocv3.CommonResponse_ResponseStatus
		fields  map[string]string
		body    string
		fails   bool
	}{
		{
			"body", proceed(envoywire.RequestBody), message, extprocv3.CommonResponse_CONTINUE,
			map[string]string{":method": "POST", ":path": message.Path, "content-length": "7", "content-type": "application/json"},
			`{"a":1}`, false,
		},
		{
			"no-body-before", proceedAndAsk(), message, extprocv3.CommonResponse_CONTINUE_AND_REPLACE,
			map[string]string{":method": "POST", ":path": message.Path, "content-length": "7", "content-type": "application/json"},
			`{"a":1}`, false,
		},
		{"no-body-at-all", proceed(envoywire.RequestHeaders), named, extprocv3.CommonResponse_CONTINUE, map[string]string{":method": "GET", ":path": named.Path}, "", false},
		{"trailers", proceed(envoywire.RequestTrailers), message, 0, nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, err := replaced(c.proceed, c.sent)
			if (err != nil) != c.fails {
				t.Fatal(err)
			}
			if c.fails {
				return
			}
			got := written(&reply)
			common := got.GetRequestBody().GetResponse()
			if common == nil {
				common = got.GetRequestHeaders().GetResponse()
			}
			if common.GetStatus() != c.status || string(common.GetBodyMutation().GetBody()) != c.body || len(common.GetHeaderMutation().GetRemoveHeaders()) != len(unsigned) {
				t.Errorf("%+v", common)
			}
			fields := map[string]string{}
			for _, option := range common.GetHeaderMutation().GetSetHeaders() {
				fields[option.GetHeader().GetKey()] = string(option.GetHeader().GetRawValue())
			}
			for name, value := range c.fields {
				if fields[name] != value {
					t.Errorf("%s is %q", name, fields[name])
				}
			}
			if len(fields) != len(c.fields) {
				t.Errorf("fields %v", fields)
			}
		})
	}
}
