package a2a

import (
	"cmp"
	"strings"
)

// The objects of A2A requests, both generations in one (specification/a2a.proto of 1.0; types and a2a.proto of 0.3).
var (
	credentials = closed(
		rule{name: "scheme", kind: KindID},
		rule{name: "schemes", elements: &rule{kind: KindID}},
		rule{name: "credentials", kind: KindSecret},
	)
	pushConfig = closed(
		rule{name: "tenant", kind: KindID, slot: inPushTenant},
		rule{name: "id", kind: KindID},
		rule{name: "taskId", kind: KindID, slot: inPushTask},
		rule{name: "url", kind: KindCallback},
		rule{name: "token", kind: KindSecret},
		rule{name: "authentication", members: credentials},
	)
	namedPushConfig = closed(
		rule{name: "name", kind: KindID, slot: inConfigName},
		rule{name: "pushNotificationConfig", members: pushConfig},
	)
	configuration = closed(
		rule{name: "acceptedOutputModes", elements: &rule{kind: KindMedia}},
		rule{name: "taskPushNotificationConfig", members: pushConfig},
		rule{name: "pushNotificationConfig", members: pushConfig},
		rule{name: "pushNotification", members: pushConfig},
		rule{name: "historyLength"},
		rule{name: "returnImmediately"},
		rule{name: "blocking"},
	)
	file = closed(
		rule{name: "name", kind: KindName},
		rule{name: "mimeType", kind: KindMedia},
		rule{name: "bytes", kind: KindBytes},
		rule{name: "uri", kind: KindURL},
		rule{name: "fileWithBytes", kind: KindBytes},
		rule{name: "fileWithUri", kind: KindURL},
	)
	part = closed(
		rule{name: "kind", kind: KindID},
		rule{name: "text", kind: KindText},
		rule{name: "raw", kind: KindBytes},
		rule{name: "url", kind: KindURL},
		rule{name: "data"},
		rule{name: "file", members: file},
		rule{name: "filename", kind: KindName},
		rule{name: "mediaType", kind: KindMedia},
		rule{name: "metadata"},
	)
	declaration = closed(
		rule{name: "skill", kind: KindID, slot: inSkill},
		rule{name: "action", kind: KindID, slot: inAction},
	)
	messageMetadata = &shape{open: true, rules: []rule{{name: ActionExtension, members: declaration}}}
	message         = closed(
		rule{name: "kind", kind: KindID},
		rule{name: "messageId", kind: KindID, slot: inMessageID},
		rule{name: "role", kind: KindID},
		rule{name: "parts", elements: &rule{members: part}},
		rule{name: "content", elements: &rule{members: part}},
		rule{name: "taskId", kind: KindID, slot: inMessageTask},
		rule{name: "contextId", kind: KindID, slot: inMessageContext},
		rule{name: "metadata", members: messageMetadata},
		rule{name: "extensions", elements: &rule{kind: KindID, slot: inExtensions}},
		rule{name: "referenceTaskIds", kind: KindID, slot: inReferences, elements: &rule{kind: KindID, slot: inReferences}},
	)
	params = closed(
		// The proto of 0.3 names the field request and its JSON form message.
		rule{name: "message", proto: "request", members: message},
		rule{name: "configuration", members: configuration},
		rule{name: "metadata"},
		rule{name: "tenant", kind: KindID, slot: inTenant},
		rule{name: "id", kind: KindID, slot: inID},
		rule{name: "taskId", kind: KindID, slot: inTaskID},
		rule{name: "contextId", kind: KindID, slot: inContextID},
		rule{name: "historyLength"},
		rule{name: "status", kind: KindID},
		rule{name: "pageSize"},
		rule{name: "pageToken", kind: KindID},
		rule{name: "statusTimestampAfter", kind: KindID},
		rule{name: "includeArtifacts"},
		rule{name: "lastUpdatedAfter", kind: KindID},
		rule{name: "pushNotificationConfigId", kind: KindID, slot: inConfigID},
		rule{name: "pushNotificationConfig", members: pushConfig},
		rule{name: "url", kind: KindCallback},
		rule{name: "token", kind: KindSecret},
		rule{name: "authentication", members: credentials},
		rule{name: "name", kind: KindID, slot: inName},
		rule{name: "parent", kind: KindID, slot: inParent},
		rule{name: "configId", kind: KindID, slot: inConfigID},
		rule{name: "config", members: namedPushConfig},
	)
	envelope = &shape{immediate: true, rules: folded(
		rule{name: "jsonrpc", kind: KindID, slot: inVersion},
		rule{name: "method", kind: KindID, slot: inMethod},
		rule{name: "id", kind: KindID, slot: inRequestID},
		rule{name: "params", slot: inParams, members: params},
	)}
)

// The roots of a body.
var (
	jsonrpcRoot = rule{members: envelope}
	paramsRoot  = rule{slot: inParams, members: params}
)

func closed(rs ...rule) *shape { return &shape{rules: folded(rs...)} }

func folded(rs ...rule) []rule {
	for i := range rs {
		rs[i].proto = cmp.Or(rs[i].proto, fieldName(rs[i].name))
		rs[i].folded = strings.ToLower(rs[i].name)
		rs[i].foldedProto = strings.ToLower(strings.ReplaceAll(rs[i].proto, "_", ""))
	}
	return rs
}

// fieldName returns the name of the field whose JSON name is name (protobuf's JSON mapping): each capital is a new word.
func fieldName(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c |= 0x20
		}
		b.WriteRune(c)
	}
	return b.String()
}

// wireMethod is a JSON-RPC method name of A2A.
type wireMethod struct {
	wire       string
	method     Method
	generation Generation
}

var wireMethods = methodTable(
	wireMethod{"SendMessage", SendMessage, V10},
	wireMethod{"SendStreamingMessage", SendStreamingMessage, V10},
	wireMethod{"GetTask", GetTask, V10},
	wireMethod{"ListTasks", ListTasks, V10},
	wireMethod{"CancelTask", CancelTask, V10},
	wireMethod{"SubscribeToTask", SubscribeToTask, V10},
	wireMethod{"CreateTaskPushNotificationConfig", CreateTaskPushNotificationConfig, V10},
	wireMethod{"GetTaskPushNotificationConfig", GetTaskPushNotificationConfig, V10},
	wireMethod{"ListTaskPushNotificationConfigs", ListTaskPushNotificationConfigs, V10},
	wireMethod{"DeleteTaskPushNotificationConfig", DeleteTaskPushNotificationConfig, V10},
	wireMethod{"GetExtendedAgentCard", GetExtendedAgentCard, V10},
	wireMethod{"message/send", SendMessage, V03},
	wireMethod{"message/stream", SendStreamingMessage, V03},
	wireMethod{"tasks/get", GetTask, V03},
	// The Go SDK of 0.3 added the method to JSON-RPC.
	wireMethod{"tasks/list", ListTasks, V03},
	wireMethod{"tasks/cancel", CancelTask, V03},
	wireMethod{"tasks/resubscribe", SubscribeToTask, V03},
	wireMethod{"tasks/pushNotificationConfig/set", CreateTaskPushNotificationConfig, V03},
	wireMethod{"tasks/pushNotificationConfig/get", GetTaskPushNotificationConfig, V03},
	wireMethod{"tasks/pushNotificationConfig/list", ListTaskPushNotificationConfigs, V03},
	wireMethod{"tasks/pushNotificationConfig/delete", DeleteTaskPushNotificationConfig, V03},
	wireMethod{"agent/getAuthenticatedExtendedCard", GetExtendedAgentCard, V03},
)

func methodTable(ms ...wireMethod) map[string]wireMethod {
	t := make(map[string]wireMethod, len(ms))
	for _, m := range ms {
		t[m.wire] = m
	}
	return t
}
