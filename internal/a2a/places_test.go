package a2a_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// Every place of A2A where untrusted text can stand, as a word that names it. A message of the test has each word of its
// list where the word says, and nothing must be missing from its texts.
const (
	placesOfMessage = `text raw url filename mediaType data.key data.value data.element data.nested partMetadata.key partMetadata.value
		messageMetadata.key messageMetadata.value extension messageId contextId taskId reference`
	placesKnown = placesOfMessage + ` metadata.key metadata.value outputMode push.id push.url push.token push.scheme push.credentials`
	// A protobuf message has no members without a definition, but fields without a name.
	placesOfRequest = placesKnown + ` unknown.key unknown.value`
	placesOfTask    = `id context status.text status.data history.text history.metadata artifact.id artifact.name artifact.description artifact.text artifact.raw
		artifact.url artifact.filename artifact.data.key artifact.data.value artifact.metadata artifact.extension metadata.key metadata.value`
	placesOfStatus   = `taskId contextId status.text metadata.key metadata.value`
	placesOfArtifact = `taskId contextId artifact.id artifact.name artifact.description artifact.text artifact.metadata metadata.key metadata.value`
	placesOfPush     = `id url token scheme credentials`
	placesOfCard     = `name description organization version documentationUrl iconUrl provider.url interface.url skill.id skill.name skill.description skill.tag
		skill.example extension.uri extension.description extension.params.key extension.params.value scheme.key scheme.description scope.key
		scope.value tokenUrl signature.header.key signature.header.value`
)

// carrier is a message with marked places: words that start with "at.".
type carrier struct {
	name, places string
	texts        func(t *testing.T) []a2a.Text
}

func rpcRequest(method, params string) func(t *testing.T) []a2a.Text {
	return func(t *testing.T) []a2a.Text {
		op, p := a2a.ParseJSONRPC([]byte(request(`"at.request"`, method, params)), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		return op.Texts
	}
}

func restRequest(verb, path, body string) func(t *testing.T) []a2a.Text {
	return func(t *testing.T) []a2a.Text {
		op, p := a2a.ParseHTTPJSON(verb, path, []byte(body), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		return op.Texts
	}
}

func grpcRequest(path, text string) func(t *testing.T) []a2a.Text {
	return func(t *testing.T) []a2a.Text {
		op, p := a2a.ParseGRPC(path, framed(encoded(t, path, text, false)), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		return op.Texts
	}
}

func jsonAnswer(m a2a.Method, body string) func(t *testing.T) []a2a.Text {
	return func(t *testing.T) []a2a.Text {
		a, p := a2a.ParseAnswer(a2a.HTTPJSON, m, []byte(body), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		enveloped, p := a2a.ParseAnswer(a2a.JSONRPC, m, []byte(result(`1`, body)), a2a.DefaultLimits())
		if strings.HasPrefix(body, `{"error"`) {
			enveloped, p = a2a.ParseAnswer(a2a.JSONRPC, m, []byte(`{"jsonrpc":"2.0","id":1,`+body[1:]), a2a.DefaultLimits())
		}
		if p != nil {
			t.Fatal(p)
		}
		for _, x := range a.Texts {
			same := func(y a2a.Text) bool {
				return y.Value == x.Value && y.Kind == x.Kind && y.Key == x.Key && y.Author == x.Author
			}
			if !slices.ContainsFunc(enveloped.Texts, same) {
				t.Errorf("%+v is not in the result of JSON-RPC", x)
			}
		}
		return a.Texts
	}
}

func grpcAnswer(path, text string) func(t *testing.T) []a2a.Text {
	return func(t *testing.T) []a2a.Text {
		a, p := a2a.ParseGRPCAnswer(path, encoded(t, path, text, true), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		return a.Texts
	}
}

const (
	markedMessage10 = `{"messageId":"at.messageId","contextId":"at.contextId","taskId":"at.taskId","role":"ROLE_USER","parts":[` +
		`{"text":"at.text","filename":"at.filename","mediaType":"at.mediaType","metadata":{"at.partMetadata.key":"at.partMetadata.value"}},` +
		`{"raw":"at.raw"},{"url":"at.url"},{"data":{"at.data.key":"at.data.value","a":["at.data.element",{"b":"at.data.nested"}]}}],` +
		`"metadata":{"at.messageMetadata.key":{"k":"at.messageMetadata.value"}},"extensions":["at.extension"],"referenceTaskIds":["at.reference"]}`
	markedSend10 = `{"message":` + markedMessage10 + `,"metadata":{"at.metadata.key":"at.metadata.value"},"configuration":{` +
		`"acceptedOutputModes":["at.outputMode"],"taskPushNotificationConfig":{"id":"at.push.id","url":"at.push.url","token":"at.push.token",` +
		`"authentication":{"scheme":"at.push.scheme","credentials":"at.push.credentials"}}},"at.unknown.key":["at.unknown.value"]}`
	markedMessage03 = `{"kind":"message","messageId":"at.messageId","contextId":"at.contextId","taskId":"at.taskId","role":"user","parts":[` +
		`{"kind":"text","text":"at.text","metadata":{"at.partMetadata.key":"at.partMetadata.value"}},` +
		`{"kind":"file","file":{"name":"at.filename","mimeType":"at.mediaType","bytes":"at.raw"}},{"kind":"file","file":{"uri":"at.url"}},` +
		`{"kind":"data","data":{"at.data.key":"at.data.value","a":["at.data.element",{"b":"at.data.nested"}]}}],` +
		`"metadata":{"at.messageMetadata.key":{"k":"at.messageMetadata.value"}},"extensions":["at.extension"],"referenceTaskIds":["at.reference"]}`
	markedSend03 = `{"message":` + markedMessage03 + `,"metadata":{"at.metadata.key":"at.metadata.value"},"configuration":{` +
		`"acceptedOutputModes":["at.outputMode"],"pushNotificationConfig":{"id":"at.push.id","url":"at.push.url","token":"at.push.token",` +
		`"authentication":{"schemes":["at.push.scheme"],"credentials":"at.push.credentials"}}},"at.unknown.key":["at.unknown.value"]}`
	// The JSON form of the proto of 0.3.
	markedSend03Proto = `{"request":{"messageId":"at.messageId","contextId":"at.contextId","taskId":"at.taskId","role":"ROLE_USER","content":[` +
		`{"text":"at.text","metadata":{"at.partMetadata.key":"at.partMetadata.value"}},` +
		`{"file":{"name":"at.filename","mimeType":"at.mediaType","fileWithBytes":"at.raw"}},{"file":{"fileWithUri":"at.url"}},` +
		`{"data":{"data":{"at.data.key":"at.data.value","a":["at.data.element",{"b":"at.data.nested"}]}}}],` +
		`"metadata":{"at.messageMetadata.key":{"k":"at.messageMetadata.value"}},"extensions":["at.extension"],"referenceTaskIds":["at.reference"]},` +
		`"metadata":{"at.metadata.key":"at.metadata.value"},"configuration":{"acceptedOutputModes":["at.outputMode"],"pushNotification":{` +
		`"id":"at.push.id","url":"at.push.url","token":"at.push.token","authentication":{"schemes":["at.push.scheme"],` +
		`"credentials":"at.push.credentials"}}},"at.unknown.key":["at.unknown.value"]}`
	markedData = `struct_value {fields {key: "at.data.key" value {string_value: "at.data.value"}} fields {key: "a" value {list_value {
		values {string_value: "at.data.element"} values {struct_value {fields {key: "b" value {string_value: "at.data.nested"}}}}}}}}`
	markedAround = `message_id: "at.messageId" context_id: "at.contextId" task_id: "at.taskId" extensions: "at.extension" reference_task_ids: "at.reference"
		metadata {fields {key: "at.messageMetadata.key" value {string_value: "at.messageMetadata.value"}}}`
	markedPartMetadata = `metadata {fields {key: "at.partMetadata.key" value {string_value: "at.partMetadata.value"}}}`
	markedMetadata     = `metadata {fields {key: "at.metadata.key" value {string_value: "at.metadata.value"}}}`
	markedPush10       = `id: "at.push.id" url: "at.push.url" token: "at.push.token" authentication {scheme: "at.push.scheme" credentials: "at.push.credentials"}`
	markedPush03       = `id: "at.push.id" url: "at.push.url" token: "at.push.token" authentication {schemes: "at.push.scheme" credentials: "at.push.credentials"}`

	markedTask10 = `{"id":"at.id","contextId":"at.context","status":{"state":"TASK_STATE_WORKING","message":{"parts":[{"text":"at.status.text"},{"data":"at.status.data"}]}},` +
		`"history":[{"role":"ROLE_USER","parts":[{"text":"at.history.text"}],"metadata":{"k":"at.history.metadata"}}],"artifacts":[{"artifactId":"at.artifact.id",` +
		`"name":"at.artifact.name","description":"at.artifact.description","parts":[{"text":"at.artifact.text"},{"raw":"at.artifact.raw","filename":"at.artifact.filename"},` +
		`{"url":"at.artifact.url"},{"data":{"at.artifact.data.key":"at.artifact.data.value"}}],"metadata":{"k":"at.artifact.metadata"},"extensions":["at.artifact.extension"]}],` +
		`"metadata":{"at.metadata.key":"at.metadata.value"}}`
	markedTask03 = `{"kind":"task","id":"at.id","contextId":"at.context","status":{"state":"working","message":{"kind":"message","parts":[{"kind":"text","text":"at.status.text"},` +
		`{"kind":"data","data":{"k":"at.status.data"}}]}},"history":[{"kind":"message","role":"user","parts":[{"kind":"text","text":"at.history.text"}],` +
		`"metadata":{"k":"at.history.metadata"}}],"artifacts":[{"artifactId":"at.artifact.id","name":"at.artifact.name","description":"at.artifact.description",` +
		`"parts":[{"kind":"text","text":"at.artifact.text"},{"kind":"file","file":{"bytes":"at.artifact.raw","name":"at.artifact.filename"}},` +
		`{"kind":"file","file":{"uri":"at.artifact.url"}},{"kind":"data","data":{"at.artifact.data.key":"at.artifact.data.value"}}],` +
		`"metadata":{"k":"at.artifact.metadata"},"extensions":["at.artifact.extension"]}],"metadata":{"at.metadata.key":"at.metadata.value"}}`
	markedTaskAround = `id: "at.id" context_id: "at.context" ` + markedMetadata
	markedArtifact   = `artifact_id: "at.artifact.id" name: "at.artifact.name" description: "at.artifact.description" parts {text: "at.artifact.text"}
		metadata {fields {key: "k" value {string_value: "at.artifact.metadata"}}}`
	markedHistory = `history {role: ROLE_USER parts {text: "at.history.text"} metadata {fields {key: "k" value {string_value: "at.history.metadata"}}}}`

	markedCard10 = `{"name":"at.name","description":"at.description","provider":{"organization":"at.organization","url":"at.provider.url"},"version":"at.version",` +
		`"documentationUrl":"at.documentationUrl","iconUrl":"at.iconUrl","supportedInterfaces":[{"url":"at.interface.url"}],"skills":[{"id":"at.skill.id","name":"at.skill.name",` +
		`"description":"at.skill.description","tags":["at.skill.tag"],"examples":["at.skill.example"]}],"capabilities":{"extensions":[{"uri":"at.extension.uri",` +
		`"description":"at.extension.description","params":{"at.extension.params.key":"at.extension.params.value"}}]},"securitySchemes":{"at.scheme.key":{` +
		`"oauth2SecurityScheme":{"description":"at.scheme.description","flows":{"authorizationCode":{"tokenUrl":"at.tokenUrl","scopes":{"at.scope.key":"at.scope.value"}}}}}},` +
		`"signatures":[{"header":{"at.signature.header.key":"at.signature.header.value"}}]}`
	markedCard03 = `{"name":"at.name","description":"at.description","provider":{"organization":"at.organization","url":"at.provider.url"},"version":"at.version",` +
		`"documentationUrl":"at.documentationUrl","iconUrl":"at.iconUrl","url":"at.url","additionalInterfaces":[{"url":"at.interface.url"}],"skills":[{"id":"at.skill.id","name":"at.skill.name",` +
		`"description":"at.skill.description","tags":["at.skill.tag"],"examples":["at.skill.example"]}],"capabilities":{"extensions":[{"uri":"at.extension.uri",` +
		`"description":"at.extension.description","params":{"at.extension.params.key":"at.extension.params.value"}}]},"securitySchemes":{"at.scheme.key":{"type":"oauth2",` +
		`"description":"at.scheme.description","flows":{"authorizationCode":{"tokenUrl":"at.tokenUrl","scopes":{"at.scope.key":"at.scope.value"}}}}},` +
		`"signatures":[{"header":{"at.signature.header.key":"at.signature.header.value"}}]}`
	markedCardProto = `name: "at.name" description: "at.description" provider {organization: "at.organization" url: "at.provider.url"} version: "at.version"
		documentation_url: "at.documentationUrl" icon_url: "at.iconUrl" skills {id: "at.skill.id" name: "at.skill.name" description: "at.skill.description" tags: "at.skill.tag"
		examples: "at.skill.example"} capabilities {extensions {uri: "at.extension.uri" description: "at.extension.description"
		params {fields {key: "at.extension.params.key" value {string_value: "at.extension.params.value"}}}}} security_schemes {key: "at.scheme.key" value {
		oauth2_security_scheme {description: "at.scheme.description" flows {authorization_code {token_url: "at.tokenUrl" scopes {key: "at.scope.key" value: "at.scope.value"}}}}}}
		signatures {header {fields {key: "at.signature.header.key" value {string_value: "at.signature.header.value"}}}}`
)

// carriers are all messages of the test.
var carriers = []carrier{
	{"jsonrpc-1.0", placesOfRequest + " request", rpcRequest("SendMessage", markedSend10)},
	{"jsonrpc-stream-1.0", placesOfRequest, rpcRequest("SendStreamingMessage", markedSend10)},
	{"jsonrpc-0.3", placesOfRequest + " request", rpcRequest("message/send", markedSend03)},
	{"jsonrpc-0.3-proto", placesOfRequest, rpcRequest("message/stream", markedSend03Proto)},
	{"jsonrpc-tenant", "tenant", rpcRequest("SendMessage", `{"tenant":"at.tenant"}`)},
	{"jsonrpc-method", "method", rpcRequest("at.method", `{}`)},
	{"jsonrpc-get", "id", rpcRequest("GetTask", `{"id":"at.id"}`)},
	{"jsonrpc-cancel-0.3", "id metadata.key metadata.value", rpcRequest("tasks/cancel", `{"id":"at.id","metadata":{"at.metadata.key":"at.metadata.value"}}`)},
	{"jsonrpc-list", "pageToken contextId", rpcRequest("ListTasks", `{"pageToken":"at.pageToken","contextId":"at.contextId"}`)},
	{
		"jsonrpc-push-1.0", placesOfPush + " taskId", rpcRequest("CreateTaskPushNotificationConfig", `{"taskId":"at.taskId","id":"at.id","url":"at.url",`+
			`"token":"at.token","authentication":{"scheme":"at.scheme","credentials":"at.credentials"}}`),
	},
	{
		"jsonrpc-push-0.3", placesOfPush + " taskId", rpcRequest("tasks/pushNotificationConfig/set", `{"taskId":"at.taskId","pushNotificationConfig":{"id":"at.id",`+
			`"url":"at.url","token":"at.token","authentication":{"schemes":["at.scheme"],"credentials":"at.credentials"}}}`),
	},
	{
		"jsonrpc-push-get-0.3", "id pushNotificationConfigId",
		rpcRequest("tasks/pushNotificationConfig/get", `{"id":"at.id","pushNotificationConfigId":"at.pushNotificationConfigId"}`),
	},
	{"rest-1.0", placesOfRequest + " tenant q.key q.value", restRequest("POST", "/at.tenant/message:send?at.q.key=at.q.value", markedSend10)},
	{"rest-0.3", placesOfRequest, restRequest("POST", "/v1/message:stream", markedSend03)},
	{"rest-0.3-proto", placesOfRequest, restRequest("POST", "/v1/message:send", markedSend03Proto)},
	{"rest-path-1.0", "tenant task config", restRequest("DELETE", "/at.tenant/tasks/at.task/pushNotificationConfigs/at.config", "")},
	{"rest-path-0.3", "task metadata.value", restRequest("POST", "/v1/tasks/at.task:cancel", `{"metadata":{"k":"at.metadata.value"}}`)},
	{"rest-query", "context token", restRequest("GET", "/tasks?contextId=at.context&pageToken=at.token", "")},
	{"rest-other", "a b c", restRequest("PUT", "/at.a/at.b?x=at.c", "")},
	{
		"grpc-1.0", placesKnown + " tenant", grpcRequest(current+"SendMessage", `tenant: "at.tenant" message {`+markedAround+` parts {text: "at.text" filename: "at.filename"
			media_type: "at.mediaType" `+markedPartMetadata+`} parts {raw: "at.raw"} parts {url: "at.url"} parts {data {`+markedData+`}}} `+markedMetadata+`
			configuration {accepted_output_modes: "at.outputMode" task_push_notification_config {`+markedPush10+`}}`),
	},
	{
		"grpc-0.3", placesKnown, grpcRequest(legacy+"SendStreamingMessage", `request {`+markedAround+` parts {text: "at.text" `+markedPartMetadata+`}
			parts {file {file_with_bytes: "at.raw" mime_type: "at.mediaType" name: "at.filename"}} parts {file {file_with_uri: "at.url"}}
			parts {data {data {fields {key: "d" value {`+markedData+`}}}}}} `+markedMetadata+`
			configuration {accepted_output_modes: "at.outputMode" push_notification {`+markedPush03+`}}`),
	},
	{"grpc-cancel-1.0", "id tenant metadata.key metadata.value", grpcRequest(current+"CancelTask", `id: "at.id" tenant: "at.tenant" `+markedMetadata)},
	{"grpc-get-0.3", "id", grpcRequest(legacy+"GetTask", `name: "tasks/at.id"`)},
	{"grpc-list", "context token", grpcRequest(current+"ListTasks", `context_id: "at.context" page_token: "at.token"`)},

	{"task-1.0", placesOfTask, jsonAnswer(a2a.GetTask, markedTask10)},
	{"task-0.3", placesOfTask, jsonAnswer(a2a.GetTask, markedTask03)},
	{"sent-task-1.0", placesOfTask, jsonAnswer(a2a.SendMessage, `{"task":`+markedTask10+`}`)},
	{"sent-task-0.3", placesOfTask, jsonAnswer(a2a.SendMessage, markedTask03)},
	{"list", placesOfTask + " next", jsonAnswer(a2a.ListTasks, `{"tasks":[`+markedTask10+`],"nextPageToken":"at.next"}`)},
	{"message-1.0", placesOfMessage, jsonAnswer(a2a.SendMessage, `{"message":`+markedMessage10+`}`)},
	{"message-0.3", placesOfMessage, jsonAnswer(a2a.SendMessage, markedMessage03)},
	{
		"status-1.0", placesOfStatus, jsonAnswer(a2a.SubscribeToTask, `{"statusUpdate":{"taskId":"at.taskId","contextId":"at.contextId",`+
			`"status":{"message":{"parts":[{"text":"at.status.text"}]}},"metadata":{"at.metadata.key":"at.metadata.value"}}}`),
	},
	{
		"status-0.3", placesOfStatus, jsonAnswer(a2a.SubscribeToTask, `{"kind":"status-update","taskId":"at.taskId","contextId":"at.contextId",`+
			`"status":{"message":{"parts":[{"text":"at.status.text"}]}},"metadata":{"at.metadata.key":"at.metadata.value"}}`),
	},
	{
		"artifact-1.0", placesOfArtifact, jsonAnswer(a2a.SubscribeToTask, `{"artifactUpdate":{"taskId":"at.taskId","contextId":"at.contextId","artifact":{`+
			`"artifactId":"at.artifact.id","name":"at.artifact.name","description":"at.artifact.description","parts":[{"text":"at.artifact.text"}],`+
			`"metadata":{"k":"at.artifact.metadata"}},"metadata":{"at.metadata.key":"at.metadata.value"}}}`),
	},
	{
		"artifact-0.3", placesOfArtifact, jsonAnswer(a2a.SubscribeToTask, `{"kind":"artifact-update","taskId":"at.taskId","contextId":"at.contextId","artifact":{`+
			`"artifactId":"at.artifact.id","name":"at.artifact.name","description":"at.artifact.description","parts":[{"kind":"text","text":"at.artifact.text"}],`+
			`"metadata":{"k":"at.artifact.metadata"}},"metadata":{"at.metadata.key":"at.metadata.value"}}`),
	},
	{
		"push-1.0", placesOfPush, jsonAnswer(a2a.GetTaskPushNotificationConfig, `{"id":"at.id","url":"at.url","token":"at.token",`+
			`"authentication":{"scheme":"at.scheme","credentials":"at.credentials"}}`),
	},
	{
		"push-0.3", placesOfPush, jsonAnswer(a2a.GetTaskPushNotificationConfig, `{"pushNotificationConfig":{"id":"at.id","url":"at.url","token":"at.token",`+
			`"authentication":{"schemes":["at.scheme"],"credentials":"at.credentials"}}}`),
	},
	{"push-list", "url credentials", jsonAnswer(a2a.ListTaskPushNotificationConfigs, `{"configs":[{"url":"at.url","authentication":{"credentials":"at.credentials"}}]}`)},
	{
		"error-data", "message data.type data.reason data.key data.value", jsonAnswer(a2a.GetTask, `{"error":{"code":1,"message":"at.message",`+
			`"data":[{"@type":"at.data.type","reason":"at.data.reason","metadata":{"at.data.key":"at.data.value"}}]}}`),
	},
	{"error-data-0.3", "message data.key data.value", jsonAnswer(a2a.GetTask, `{"error":{"code":1,"message":"at.message","data":{"at.data.key":["at.data.value"]}}}`)},
	{"error-details", "message detail", jsonAnswer(a2a.GetTask, `{"error":{"code":1,"message":"at.message","details":[{"reason":"at.detail"}]}}`)},
	{"card-1.0", placesOfCard, jsonAnswer(a2a.GetExtendedAgentCard, markedCard10)},
	{"card-0.3", placesOfCard + " url", jsonAnswer(a2a.GetExtendedAgentCard, markedCard03)},

	{
		"grpc-task-1.0", placesOfTask, grpcAnswer(current+"GetTask", markedTaskAround+markedHistory+`status {message {parts {text: "at.status.text"}
			parts {data {string_value: "at.status.data"}}}} artifacts {`+markedArtifact+` extensions: "at.artifact.extension" parts {raw: "at.artifact.raw" filename: "at.artifact.filename"}
			parts {url: "at.artifact.url"} parts {data {struct_value {fields {key: "at.artifact.data.key" value {string_value: "at.artifact.data.value"}}}}}}`),
	},
	{
		"grpc-task-0.3", placesOfTask, grpcAnswer(legacy+"SendMessage", `task {`+markedTaskAround+markedHistory+`status {update {parts {text: "at.status.text"}
			parts {data {data {fields {key: "k" value {string_value: "at.status.data"}}}}}}} artifacts {`+markedArtifact+` extensions: "at.artifact.extension"
			parts {file {file_with_bytes: "at.artifact.raw" name: "at.artifact.filename"}} parts {file {file_with_uri: "at.artifact.url"}}
			parts {data {data {fields {key: "at.artifact.data.key" value {string_value: "at.artifact.data.value"}}}}}}}`),
	},
	{
		"grpc-status", placesOfStatus, grpcAnswer(current+"SubscribeToTask",
			`status_update {task_id: "at.taskId" context_id: "at.contextId" status {message {parts {text: "at.status.text"}}} `+markedMetadata+`}`),
	},
	{
		"grpc-artifact-1.0", placesOfArtifact,
		grpcAnswer(current+"SubscribeToTask", `artifact_update {task_id: "at.taskId" context_id: "at.contextId" artifact {`+markedArtifact+`} `+markedMetadata+`}`),
	},
	{
		"grpc-artifact-0.3", placesOfArtifact,
		grpcAnswer(legacy+"TaskSubscription", `artifact_update {task_id: "at.taskId" context_id: "at.contextId" artifact {`+markedArtifact+`} `+markedMetadata+`}`),
	},
	{"grpc-push", strings.ReplaceAll(" "+placesOfPush, " ", " push."), grpcAnswer(current+"GetTaskPushNotificationConfig", markedPush10)},
	{"grpc-card-1.0", placesOfCard, grpcAnswer(current+"GetExtendedAgentCard", markedCardProto+`supported_interfaces {url: "at.interface.url"}`)},
	{"grpc-card-0.3", placesOfCard + " url", grpcAnswer(legacy+"GetAgentCard", markedCardProto+`url: "at.url" additional_interfaces {url: "at.interface.url"}`)},
}

var markedWord = regexp.MustCompile(`at\.[A-Za-z.]+`)

func TestEveryPlaceIsAText(t *testing.T) {
	t.Parallel()
	for _, tc := range carriers {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found := map[string]bool{}
			for _, x := range tc.texts(t) {
				for _, word := range markedWord.FindAllString(x.Value, -1) {
					found[strings.TrimPrefix(word, "at.")] = true
				}
				if key := strings.HasSuffix(x.Value, ".key"); strings.HasPrefix(x.Value, "at.") && key != x.Key {
					t.Errorf("%s: a name is %v", x.Value, x.Key)
				}
			}
			want := slices.Sorted(slices.Values(strings.Fields(tc.places)))
			got := slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(w string) bool { return !slices.Contains(want, w) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}
