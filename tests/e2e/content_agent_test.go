package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"ringfence.dev/ringfence/internal/a2a"
)

// puppet is an agent that speaks everything and says what tests have it say.
type puppet struct {
	*httptest.Server

	mu    sync.Mutex
	plays map[string]performance
	heard map[string]received
}

// performance is what the agent answers to a message: each utterance is an event of a stream, and the first is all of a single
// answer.
type performance struct {
	says []utterance
	// chop cuts the bytes of a stream anywhere, each so many of them.
	chop int
	// wrote is told how many events were written.
	wrote func(int)
	// wait is called behind each event.
	wait func(event int)
}

// received is a request as it reached the agent.
type received struct {
	header http.Header
	length int64
	// body is as it came, without the frame of gRPC.
	body string
}

// utterance is one answer or event in no generation's words. The first member that is set says what it is.
type utterance struct {
	// page is what a web server says in the place of the agent.
	page string
	// problem and detail are an error, with the text of its details.
	problem, detail string
	// task is the id of the task that it is about, "t" when empty.
	task string
	// artifact is the id of the artifact that a text belongs to.
	artifact string
	// status is a status update with the parts as its message, reply a message, both in the name of the agent unless as says
	// another.
	status, reply bool
	as            string
	// done says that the task of a status update has ended.
	done bool
	// history is that of a task with the parts in an artifact.
	history []turn
	// noted is a text in the metadata of a task.
	noted string
	parts []part
}

type turn struct{ role, text string }

// part is text, data, or a file with a name.
type part struct{ text, data, file, name string }

func text(words string) []part { return []part{{text: words}} }

// newPuppet serves the agent over every wire, and returns its card.
func newPuppet(t *testing.T) (*puppet, json.RawMessage) {
	t.Helper()
	p := &puppet{plays: map[string]performance{}, heard: map[string]received{}}
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.Protocols = new(http.Protocols)
	p.Config.Protocols.SetHTTP1(true)
	p.Config.Protocols.SetUnencryptedHTTP2(true)
	p.Start()
	t.Cleanup(p.Close)
	return p, p.card("does what it is told")
}

func (p *puppet) card(about string) json.RawMessage {
	var interfaces []string
	for _, w := range wires {
		at := p.URL + "/" + w.version + "/" + strings.ToLower(strings.TrimSuffix(w.binding, "+JSON"))
		if w.binding == "GRPC" {
			at = p.Listener.Addr().String()
		}
		interfaces = append(interfaces, fmt.Sprintf(`{"url":%q,"protocolBinding":%q,"protocolVersion":%q}`, at, w.binding, w.version))
	}
	return json.RawMessage(fmt.Sprintf(`{"name":"Puppet","description":"d","version":"1","capabilities":{"streaming":true},"defaultInputModes":["text/plain"],
"defaultOutputModes":["text/plain"],"skills":[{"id":"s","name":"S","description":%q,"tags":["t"],"examples":["Say something"]}],"supportedInterfaces":[%s]}`,
		about, strings.Join(interfaces, ",")))
}

// on has the agent answer a message.
func (p *puppet) on(message string, what performance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plays[message] = what
}

// got returns how a message reached the agent.
func (p *puppet) got(message string) (received, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.heard[message]
	return r, ok
}

// messageInAny finds the id of a message as clients of any generation write it.
var messageInAny = regexp.MustCompile(`"message_?[iI]d":\s*"([^"]+)"`)

func (p *puppet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/.well-known/") {
		w.Header().Set("Content-Type", "application/json")
		w.Write(p.card("does what it is told")) //nolint:errcheck // the client notices
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	over := wireOf(r)
	asked, id := string(body), `"none"`
	if over.binding == "GRPC" {
		if asked, err = over.readable(r.URL.Path, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = body[5:]
	} else {
		var call struct{ ID json.RawMessage }
		if json.Unmarshal(body, &call) == nil && call.ID != nil {
			id = string(call.ID)
		}
	}
	message := ""
	if found := messageInAny.FindStringSubmatch(asked); found != nil {
		message = found[1]
	}
	p.mu.Lock()
	p.heard[message] = received{r.Header.Clone(), r.ContentLength, string(body)}
	what, ok := p.plays[message]
	p.mu.Unlock()
	if !ok {
		what = performance{says: []utterance{{reply: true, parts: text("done")}}}
	}
	streams := strings.HasSuffix(r.URL.Path, "/SendStreamingMessage") || strings.HasSuffix(r.URL.Path, "/message:stream") ||
		strings.Contains(asked, `"SendStreamingMessage"`) || strings.Contains(asked, `"message/stream"`)
	answering{over, r.URL.Path, id, w}.plays(what, streams)
}

func wireOf(r *http.Request) wire {
	switch {
	case strings.HasPrefix(r.URL.Path, "/lf.a2a.v1."):
		return wire{"1.0", "GRPC"}
	case strings.HasPrefix(r.URL.Path, "/a2a.v1."):
		return wire{"0.3", "GRPC"}
	}
	version, rest, _ := strings.Cut(r.URL.Path[1:], "/")
	if strings.HasPrefix(rest, "http") {
		return wire{version, "HTTP+JSON"}
	}
	return wire{version, "JSONRPC"}
}

// readable returns a message of gRPC as JSON.
func (w wire) readable(path string, body []byte) (string, error) {
	method, err := methodOf(path)
	if err != nil || len(body) < 5 {
		return "", fmt.Errorf("%s: %d bytes %w", path, len(body), err)
	}
	message, err := newMessage(method.Input())
	if err == nil {
		err = proto.Unmarshal(body[5:], message)
	}
	if err != nil {
		return "", err
	}
	read, err := protojson.Marshal(message)
	return string(read), err
}

// answering is a call that is being answered.
type answering struct {
	wire
	path string
	id   string
	http.ResponseWriter
}

func (a answering) plays(what performance, streams bool) {
	first := what.says[0]
	switch {
	case first.page != "" && a.binding != "GRPC":
		a.Header().Set("Content-Type", "text/html")
		a.WriteHeader(http.StatusBadGateway)
		io.WriteString(a, first.page) //nolint:errcheck // the client notices
		return
	case first.problem != "" && a.binding == "GRPC":
		a.fails(first)
		return
	case a.binding == "GRPC":
		a.Header().Set("Content-Type", "application/grpc")
	case streams:
		a.Header().Set("Content-Type", "text/event-stream")
	default:
		a.Header().Set("Content-Type", "application/json")
	}
	for i, u := range what.says {
		bytes := a.event(u)
		if streams && a.binding != "GRPC" {
			bytes = "data: " + bytes + "\n\n"
		} else if first.problem != "" && a.binding == "HTTP+JSON" {
			a.WriteHeader(http.StatusBadRequest)
		}
		for what.chop > 0 && len(bytes) > what.chop {
			a.send(bytes[:what.chop])
			bytes = bytes[what.chop:]
		}
		if a.send(bytes) != nil {
			return
		}
		if what.wrote != nil {
			what.wrote(i + 1)
		}
		if what.wait != nil {
			what.wait(i)
		}
		if !streams {
			break
		}
	}
	if a.binding == "GRPC" {
		a.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}
}

func (a answering) send(bytes string) error {
	_, err := io.WriteString(a, bytes)
	a.ResponseWriter.(http.Flusher).Flush()
	return err
}

// fails answers with an error of gRPC.
func (a answering) fails(u utterance) {
	a.Header().Set("Content-Type", "application/grpc")
	a.Header().Set("Grpc-Status", "3")
	a.Header().Set("Grpc-Message", u.problem)
	info, err := anypb.New(&errdetails.ErrorInfo{Reason: "SOME", Domain: "puppet.example", Metadata: map[string]string{"more": u.detail}})
	if err != nil {
		return
	}
	details, err := proto.Marshal(&rpcstatus.Status{Code: 3, Message: u.problem, Details: []*anypb.Any{info}})
	if err == nil {
		a.Header().Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
	}
}

// event returns what an utterance is over the wire.
func (a answering) event(u utterance) string {
	said := a.says(u)
	switch {
	case a.binding == "GRPC":
		message, err := encodedAs(a.path, said)
		if err != nil {
			return err.Error()
		}
		return string(a2a.AppendFrame(nil, message))
	case a.binding == "JSONRPC" && u.problem != "":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":%s}`, a.id, said)
	case a.binding == "JSONRPC":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, a.id, said)
	case u.problem != "":
		return `{"error":` + said + `}`
	}
	return said
}

// encodedAs writes an answer as the message that the method returns.
func encodedAs(path, said string) ([]byte, error) {
	method, err := methodOf(path)
	if err != nil {
		return nil, err
	}
	message, err := newMessage(method.Output())
	if err == nil {
		err = protojson.Unmarshal([]byte(said), message)
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", path, said, err)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(message)
}

// says returns an utterance as JSON: the result, or the error.
func (w wire) says(u utterance) string {
	legacy := w == wire{"0.3", "JSONRPC"}
	named := func(member, kind, body string) string {
		if legacy {
			return fmt.Sprintf(`{"kind":%q,%s}`, kind, body)
		}
		return fmt.Sprintf(`{%q:{%s}}`, member, body)
	}
	task, state := first(u.task, "t"), `"TASK_STATE_WORKING"`
	if u.done {
		state = `"TASK_STATE_COMPLETED"`
	}
	if legacy {
		state = strings.ToLower(strings.Replace(state, "TASK_STATE_", "", 1))
	}
	switch {
	case u.problem != "":
		code, more := "-32603", fmt.Sprintf(`"data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SOME","domain":"puppet.example","metadata":{"more":%s}}]`, quoted(u.detail))
		if w.binding == "HTTP+JSON" {
			code, more = "400", `"status":"INVALID_ARGUMENT",`+strings.Replace(more, "data", "details", 1)
		}
		return fmt.Sprintf(`{"code":%s,"message":%s,%s}`, code, quoted(u.problem), more)
	case u.artifact != "":
		return named("artifactUpdate", "artifact-update", fmt.Sprintf(`"taskId":%q,"contextId":"c","append":true,"artifact":{"artifactId":%q,"parts":%s}`, task, u.artifact, w.list(u.parts)))
	case u.status:
		body := fmt.Sprintf(`"taskId":%q,"contextId":"c","status":{"state":%s,"message":%s}`, task, state, w.turn(first(u.as, "agent"), u.parts))
		if legacy {
			body += fmt.Sprintf(`,"final":%t`, u.done)
		}
		return named("statusUpdate", "status-update", body)
	case u.reply:
		if legacy {
			return w.turn(first(u.as, "agent"), u.parts)
		}
		return fmt.Sprintf(`{"message":%s}`, w.turn(first(u.as, "agent"), u.parts))
	}
	body := fmt.Sprintf(`"id":%q,"contextId":"c","status":{"state":%s}`, task, state)
	if u.parts != nil {
		body += fmt.Sprintf(`,"artifacts":[{"artifactId":"a","parts":%s}]`, w.list(u.parts))
	}
	var turns []string
	for _, one := range u.history {
		turns = append(turns, w.turn(one.role, text(one.text)))
	}
	if turns != nil {
		body += `,"history":[` + strings.Join(turns, ",") + `]`
	}
	if u.noted != "" {
		body += `,"metadata":{"note":` + quoted(u.noted) + `}`
	}
	return named("task", "task", body)
}

func quoted(words string) string {
	b, _ := json.Marshal(words) //nolint:errchkjson // a string has a JSON form
	return string(b)
}

// turn is a message that somebody said.
func (w wire) turn(role string, parts []part) string {
	switch {
	case w == wire{"0.3", "JSONRPC"}:
		return fmt.Sprintf(`{"kind":"message","messageId":"a","role":%q,"parts":%s}`, role, w.list(parts))
	case w == wire{"0.3", "HTTP+JSON"}:
		return fmt.Sprintf(`{"messageId":"a","role":%q,"content":%s}`, "ROLE_"+strings.ToUpper(role), w.list(parts))
	}
	return fmt.Sprintf(`{"messageId":"a","role":%q,"parts":%s}`, "ROLE_"+strings.ToUpper(role), w.list(parts))
}

func (w wire) list(parts []part) string {
	var all []string
	for _, p := range parts {
		all = append(all, w.part(p))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (w wire) part(p part) string {
	kind := func(name string) string {
		if w == (wire{"0.3", "JSONRPC"}) {
			return fmt.Sprintf(`"kind":%q,`, name)
		}
		return ""
	}
	bytes, wrapped := "fileWithBytes", `{"data":`+p.data+`}`
	if w.binding == "JSONRPC" {
		bytes, wrapped = "bytes", p.data
	}
	switch {
	case p.text != "":
		return fmt.Sprintf(`{%s"text":%s}`, kind("text"), quoted(p.text))
	case w.version == "1.0" && p.data != "":
		return fmt.Sprintf(`{"data":%s}`, p.data)
	case w.version == "1.0":
		return fmt.Sprintf(`{"raw":%q,"filename":%s,"mediaType":"text/plain"}`, base64.StdEncoding.EncodeToString([]byte(p.file)), quoted(p.name))
	case p.data != "":
		return fmt.Sprintf(`{%s"data":%s}`, kind("data"), wrapped)
	}
	return fmt.Sprintf(`{%s"file":{%q:%q,"name":%s,"mimeType":"text/plain"}}`, kind("file"), bytes, base64.StdEncoding.EncodeToString([]byte(p.file)), quoted(p.name))
}
