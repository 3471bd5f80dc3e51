package extproc_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/meshtest/governed"
)

// decided returns the metadata that the header phase leaves for a request which it decided as a whole.
func decided(t *testing.T, governor *governance.Governor, m *meshtest.Mesh, c meshtest.Call) *corev3.Metadata {
	t.Helper()
	return left(t, governor, m, c, func(r *governance.Request) { r.Body, r.Complete, r.Told = []byte(c.Body), true, true })
}

// left returns the metadata that the header phase leaves for a request to which Envoy adds something.
func left(t *testing.T, governor *governance.Governor, m *meshtest.Mesh, c meshtest.Call, add func(*governance.Request)) *corev3.Metadata {
	t.Helper()
	request, err := governed.Request(m, c)
	if err != nil {
		t.Fatal(err)
	}
	add(&request)
	x := governor.Open(t.Context(), request)
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
		envoyhttp.MetadataNamespace: envoyhttp.Passage(x.Passage().String()),
	}}
}

func with(metadata *corev3.Metadata, m *extprocv3.ProcessingRequest) *extprocv3.ProcessingRequest {
	m.MetadataContext = metadata
	return m
}

// TestAnswersOfDecidedCalls holds that an answer of which Envoy tells first is judged, once, and no other passes.
func TestAnswersOfDecidedCalls(t *testing.T) {
	t.Parallel()
	both(t, testAnswersOfDecidedCalls)
}

func testAnswersOfDecidedCalls(t *testing.T, coding envoywire.Coding) {
	const answer = `{"jsonrpc":"2.0","id":"r1","result":{}}`
	good := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}
	for _, c := range []struct {
		name    string
		unread  bool // nothing governs the answer
		between func(*testing.T, *governance.Governor, *meshtest.Mesh, *corev3.Metadata)
		leave   func(*testing.T, *governance.Governor, *meshtest.Mesh, meshtest.Call) *corev3.Metadata
		source  string
		want    string
		records int
	}{
		{name: "passes", want: `fields, "{\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}" true, over`, records: 1},
		{name: "envoys-own", source: "upstream_reset", want: `fields, "{\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}" true, over`, records: 1},
		{name: "over", between: func(_ *testing.T, g *governance.Governor, _ *meshtest.Mesh, metadata *corev3.Metadata) {
			p, _ := governance.ParsePassage(envoyhttp.PassageText(metadata))
			g.Ended(p.ID, 0)
		}, want: "broken", records: 1},
		{name: "not-allowed-any-more", between: func(_ *testing.T, _ *governance.Governor, m *meshtest.Mesh, _ *corev3.Metadata) {
			delete(m.Records, "caller")
		}, want: "denied ringfence_standing, over", records: 2},
		{name: "nothing-governs-it", unread: true, want: "broken", records: 1},
		{name: "headers-alone-were-judged", leave: passage, want: "broken"},
		{name: "nothing-was-judged", leave: func(*testing.T, *governance.Governor, *meshtest.Mesh, meshtest.Call) *corev3.Metadata { return nil }, want: "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			governor, records := governed.GovernorWith(m, func(config *governance.Config) {
				if c.unread {
					config.Policy.AnswerContent = governance.ContentOff
				}
			})
			leave := decided
			if c.leave != nil {
				leave = c.leave
			}
			metadata := leave(t, governor, m, good)
			if c.between != nil {
				c.between(t, governor, m, metadata)
			}
			open := &governance.Open{}
			client, err := serveOpen(t, governor, open, coding).Process(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			source := c.source
			if source == "" {
				source = envoywire.FromAgent
			}
			s := conversing{t, client}
			s.say(with(metadata, from(source, answerHeaders("application/json", false))), 0)
			s.say(answerBody(answer, true), 0)
			if got := s.rest(); got != c.want {
				t.Errorf("Envoy is told %s, want %s", got, c.want)
			}
			if n := len(records.All()); n != c.records || open.Len() != 0 {
				t.Errorf("%d records, %d under way", n, open.Len())
			}
			if again, err := serveOpen(t, governor, open, coding).Process(t.Context()); err == nil {
				s = conversing{t, again}
				if s.say(with(metadata, answerHeaders("application/json", false)), 0); s.rest() != "broken" {
					t.Error("a call was taken up twice")
				}
			}
		})
	}
}

// rest returns what the service says until it ends the stream.
func (c conversing) rest() string {
	var said []string
	for {
		said = append(said, c.next())
		last := said[len(said)-1]
		if strings.HasPrefix(last, "broken") {
			said[len(said)-1], last = "broken", "over"
		}
		if last == "over" {
			return strings.Join(said, ", ")
		}
	}
}

// TestDecidedCallsAreReplaced holds that what may not pass of a request is taken out by the filter that can, and that a
// request which is to be replaced goes nowhere as it came.
func TestDecidedCallsAreReplaced(t *testing.T) {
	t.Parallel()
	both(t, testDecidedCallsAreReplaced)
}

func testDecidedCallsAreReplaced(t *testing.T, coding envoywire.Coding) {
	call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay with hunter2, please"), Header: http.Header{}}
	for _, c := range []struct {
		name     string
		messages func(*corev3.Metadata) []*extprocv3.ProcessingRequest
		want     string
	}{
		{"body", func(m *corev3.Metadata) []*extprocv3.ProcessingRequest {
			return []*extprocv3.ProcessingRequest{headers(call, m, filterv3.ProcessingMode_BUFFERED, false), body(call.Body, true)}
		}, "headers, replaced"},
		{"no-body-mode", func(m *corev3.Metadata) []*extprocv3.ProcessingRequest {
			return []*extprocv3.ProcessingRequest{headers(call, m, filterv3.ProcessingMode_NONE, false)}
		}, "broken"},
		{"trailers", func(m *corev3.Metadata) []*extprocv3.ProcessingRequest {
			return []*extprocv3.ProcessingRequest{headers(call, m, filterv3.ProcessingMode_BUFFERED, false), trailers()}
		}, "headers, broken"},
		{"answer-first", func(m *corev3.Metadata) []*extprocv3.ProcessingRequest {
			return []*extprocv3.ProcessingRequest{with(m, answerHeaders("application/json", false))}
		}, "broken"},
		{"another-verb", func(m *corev3.Metadata) []*extprocv3.ProcessingRequest {
			other := call
			other.Method = "PUT"
			return []*extprocv3.ProcessingRequest{headers(other, m, filterv3.ProcessingMode_BUFFERED, false), body(call.Body, true)}
		}, "headers, broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			governor, _ := governed.GovernorWith(m, func(config *governance.Config) {
				config.Scanner = meshtest.Phrases{"hunter2": "secret"}
				config.Policy.Treatments = inspect.Treatments{{Classes: []string{"secret"}, Action: inspect.Redact}}
			})
			client, err := serve(t, governor, coding).Process(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, message := range c.messages(decided(t, governor, m, call)) {
				if err := client.Send(message); err != nil {
					break
				}
				answer, err := client.Recv()
				if err != nil {
					said = append(said, "broken")
					break
				}
				word := word(answer)
				if instead := answer.GetRequestBody().GetResponse().GetBodyMutation().GetBody(); instead != nil {
					if word = "replaced"; strings.Contains(string(instead), "hunter2") || !strings.Contains(string(instead), "please") {
						t.Errorf("the agent gets %s", instead)
					}
				}
				said = append(said, word)
			}
			if got := strings.Join(said, ", "); got != c.want {
				t.Errorf("Envoy is told %s, want %s", got, c.want)
			}
		})
	}
}

// TestAnswersAreLeftToAnotherFilter holds that the stream which brought a request ends with the verdict on it where Envoy
// tells how calls go on, and that the answer is judged where something governs it.
func TestAnswersAreLeftToAnotherFilter(t *testing.T) {
	t.Parallel()
	both(t, testAnswersAreLeftToAnotherFilter)
}

func testAnswersAreLeftToAnotherFilter(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	const answer = `{"jsonrpc":"2.0","id":"r1","result":{}}`
	for name, c := range map[string]struct {
		method string
		judged bool
		next   string
		rest   string
	}{
		"judged": {"SendMessage", true, "answer", `fields, "{\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}" true, over`},
		"unread": {"SendMessage", false, "", "broken"},
		"stream": {"SendStreamingMessage", false, "answer", `fields, "{\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}" true, over`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			governor, _ := governed.GovernorWith(m, func(config *governance.Config) {
				if !c.judged {
					config.Policy.AnswerContent = governance.ContentOff
				}
			})
			call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Invoke(c.method, "pay")}
			metadata := left(t, governor, m, call, func(r *governance.Request) { r.Told = true })
			service := serve(t, governor, coding)
			stream, err := service.Process(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, message := range []*extprocv3.ProcessingRequest{headers(call, metadata, filterv3.ProcessingMode_BUFFERED, false), body(call.Body, true)} {
				if err := stream.Send(message); err != nil {
					t.Fatal(err)
				}
				reply, err := stream.Recv()
				if err != nil || reply.GetModeOverride() != nil {
					t.Fatalf("%v, %v", reply, err)
				}
				said := reply.GetDynamicMetadata().GetFields()[envoyhttp.MetadataNamespace].GetStructValue().GetFields()["next"].GetStringValue()
				if want := map[bool]string{true: c.next}[reply.GetRequestBody() != nil]; said != want {
					t.Errorf("Envoy is told %q, want %q", said, want)
				}
			}
			if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream goes on with %v", err)
			}
			next, err := service.Process(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := conversing{t, next}
			s.say(with(metadata, answerHeaders("application/json", false)), 0)
			s.say(answerBody(answer, true), 0)
			if got := s.rest(); got != c.rest {
				t.Errorf("of the answer, Envoy is told %s, want %s", got, c.rest)
			}
		})
	}
}
