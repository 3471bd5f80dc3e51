package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// wire is one way to speak A2A: a generation and a binding, as cards name them.
type wire struct{ version, binding string }

func (w wire) String() string { return w.version + "/" + w.binding }

var wires = []wire{
	{"1.0", "JSONRPC"},
	{"1.0", "HTTP+JSON"},
	{"1.0", "GRPC"},
	{"0.3", "JSONRPC"},
	{"0.3", "HTTP+JSON"},
	{"0.3", "GRPC"},
}

// request is what goes over a wire: for JSON-RPC and gRPC a method and its params as JSON, for HTTP+JSON an HTTP
// method, a path below the interface and perhaps a body. Raw replaces the whole body by bytes of one's own.
type request struct {
	method, path, body, raw string
	header                  map[string]string
	streams                 bool
}

// render says one step in the words of a wire.
func (w wire) render(s step) request {
	r := request{header: map[string]string{}, streams: s.op == "stream" || s.op == "subscribe"}
	switch w.binding {
	case "HTTP+JSON":
		r.method, r.path, r.body = w.rest(s)
	case "JSONRPC":
		r.method, r.body = w.jsonrpc(s)
	default:
		r.method, r.body = w.grpc(s)
	}
	switch {
	case s.malformed && w.binding == "GRPC":
		r.body = `{}` // no message
	case s.malformed:
		r.body = `{"message":"not a message"}`
	case s.unreadable:
		r.raw = "{\xff"
	}
	if w.version == "1.0" {
		r.header["A2A-Version"] = "1.0"
	}
	for name, value := range s.header {
		r.header[name] = value
		if name == "A2A-Extensions" && w.version == "0.3" {
			delete(r.header, name)
			r.header["X-"+name] = value
		}
	}
	return r
}

// step is one operation in no generation's words. Unused members are empty.
type step struct {
	op                    string
	message, task, config string
	header                map[string]string
	malformed             bool   // the message is not one
	unreadable            bool   // the body is neither JSON nor protobuf
	query                 string // of list: the context
}

// callbackURL is where nobody listens: the tasks that get it are at their end, so nothing is pushed.
const callbackURL = "http://127.0.0.1:28080/a2a/events"

// message is the message of a step; what JSON-RPC calls parts, proto files of 0.3 call content.
func (w wire) message(s step) string {
	continues := ""
	if s.task != "" {
		continues = fmt.Sprintf(`,"taskId":%q`, s.task)
	}
	switch {
	case w.version == "1.0":
		return fmt.Sprintf(`{"message":{"messageId":%q,"role":"ROLE_USER","parts":[{"text":"Will it rain?"}]%s}}`, s.message, continues)
	case w.binding == "JSONRPC":
		return fmt.Sprintf(`{"message":{"kind":"message","messageId":%q,"role":"user","parts":[{"kind":"text","text":"Will it rain?"}]%s}}`, s.message, continues)
	}
	content := "content"
	if w.binding == "GRPC" {
		content = "parts" // the name of the field in the SDK's proto file
	}
	return fmt.Sprintf(`{"message":{"messageId":%q,"role":"ROLE_USER",%q:[{"text":"Will it rain?"}]%s}}`, s.message, content, continues)
}

func (w wire) jsonrpc(s step) (method, params string) {
	names := map[string][2]string{
		"send":          {"SendMessage", "message/send"},
		"stream":        {"SendStreamingMessage", "message/stream"},
		"get":           {"GetTask", "tasks/get"},
		"list":          {"ListTasks", "tasks/list"},
		"cancel":        {"CancelTask", "tasks/cancel"},
		"subscribe":     {"SubscribeToTask", "tasks/resubscribe"},
		"push-create":   {"CreateTaskPushNotificationConfig", "tasks/pushNotificationConfig/set"},
		"push-get":      {"GetTaskPushNotificationConfig", "tasks/pushNotificationConfig/get"},
		"push-list":     {"ListTaskPushNotificationConfigs", "tasks/pushNotificationConfig/list"},
		"push-delete":   {"DeleteTaskPushNotificationConfig", "tasks/pushNotificationConfig/delete"},
		"extended-card": {"GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard"},
		"unknown":       {"NoSuchMethod", "no/such/method"},
	}[s.op]
	if w.version == "0.3" {
		return names[1], w.legacyParams(s)
	}
	switch s.op {
	case "send", "stream":
		params = w.message(s)
	case "get", "cancel", "subscribe":
		params = fmt.Sprintf(`{"id":%q}`, s.task)
	case "list":
		params = fmt.Sprintf(`{"contextId":%q}`, s.query)
	case "push-create":
		params = fmt.Sprintf(`{"taskId":%q,"id":%q,"url":%q,"token":"t"}`, s.task, s.config, callbackURL)
	case "push-get", "push-delete":
		params = fmt.Sprintf(`{"taskId":%q,"id":%q}`, s.task, s.config)
	case "push-list":
		params = fmt.Sprintf(`{"taskId":%q}`, s.task)
	default:
		params = `{}`
	}
	return names[0], params
}

// legacyParams are those of A2A 0.3 over JSON-RPC.
func (w wire) legacyParams(s step) string {
	switch s.op {
	case "send", "stream":
		return w.message(s)
	case "get", "cancel", "subscribe", "push-list":
		return fmt.Sprintf(`{"id":%q}`, s.task)
	case "push-create":
		return fmt.Sprintf(`{"taskId":%q,"pushNotificationConfig":{"id":%q,"url":%q,"token":"t"}}`, s.task, s.config, callbackURL)
	case "push-get", "push-delete":
		return fmt.Sprintf(`{"id":%q,"pushNotificationConfigId":%q}`, s.task, s.config)
	}
	return `{}`
}

func (w wire) rest(s step) (method, path, body string) {
	prefix, card := "", "/extendedAgentCard"
	config := fmt.Sprintf(`{"id":%q,"url":%q,"token":"t"}`, s.config, callbackURL)
	if w.version == "0.3" {
		prefix, card = "/v1", "/card"
		config = fmt.Sprintf(`{"configId":%q,"config":{"name":"tasks/%s/pushNotificationConfigs/%s","pushNotificationConfig":%s}}`, s.config, s.task, s.config, config)
	}
	configs := prefix + "/tasks/" + s.task + "/pushNotificationConfigs"
	switch s.op {
	case "send":
		return http.MethodPost, prefix + "/message:send", w.message(s)
	case "stream":
		return http.MethodPost, prefix + "/message:stream", w.message(s)
	case "get":
		return http.MethodGet, prefix + "/tasks/" + s.task, ""
	case "list":
		return http.MethodGet, prefix + "/tasks?contextId=" + url.QueryEscape(s.query), ""
	case "cancel":
		return http.MethodPost, prefix + "/tasks/" + s.task + ":cancel", ""
	case "subscribe":
		return http.MethodPost, prefix + "/tasks/" + s.task + ":subscribe", ""
	case "push-create":
		return http.MethodPost, configs, config
	case "push-get":
		return http.MethodGet, configs + "/" + s.config, ""
	case "push-list":
		return http.MethodGet, configs, ""
	case "push-delete":
		return http.MethodDelete, configs + "/" + s.config, ""
	case "extended-card":
		return http.MethodGet, prefix + card, ""
	}
	return http.MethodPost, prefix + "/message:nosuch", `{}`
}

func (w wire) grpc(s step) (method, body string) {
	if w.version == "0.3" {
		return w.legacyGRPC(s)
	}
	if s.op == "unknown" {
		return "/lf.a2a.v1.A2AService/NoSuchMethod", ""
	}
	name, params := w.jsonrpc(s)
	return "/lf.a2a.v1.A2AService/" + name, params
}

// legacyGRPC speaks package a2a.v1, which names tasks and configs by resource names.
func (w wire) legacyGRPC(s step) (method, body string) {
	task := "tasks/" + s.task
	config := task + "/pushNotificationConfigs/" + s.config
	name, body := "NoSuchMethod", ""
	switch s.op {
	case "send":
		name, body = "SendMessage", w.message(s)
	case "stream":
		name, body = "SendStreamingMessage", w.message(s)
	case "get":
		name, body = "GetTask", fmt.Sprintf(`{"name":%q}`, task)
	case "list":
		name, body = "ListTasks", fmt.Sprintf(`{"contextId":%q}`, s.query)
	case "cancel":
		name, body = "CancelTask", fmt.Sprintf(`{"name":%q}`, task)
	case "subscribe":
		name, body = "TaskSubscription", fmt.Sprintf(`{"name":%q}`, task)
	case "push-create":
		name = "CreateTaskPushNotificationConfig"
		body = fmt.Sprintf(`{"parent":%q,"configId":%q,"config":{"name":%q,"pushNotificationConfig":{"id":%q,"url":%q,"token":"t"}}}`,
			task, s.config, config, s.config, callbackURL)
	case "push-get":
		name, body = "GetTaskPushNotificationConfig", fmt.Sprintf(`{"name":%q}`, config)
	case "push-list":
		name, body = "ListTaskPushNotificationConfig", fmt.Sprintf(`{"parent":%q}`, task)
	case "push-delete":
		name, body = "DeleteTaskPushNotificationConfig", fmt.Sprintf(`{"name":%q}`, config)
	case "extended-card":
		name, body = "GetAgentCard", `{}`
	}
	return "/a2a.v1.A2AService/" + name, strings.TrimSpace(body)
}
