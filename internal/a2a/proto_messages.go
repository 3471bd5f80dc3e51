package a2a

// sharedMessages are the messages that both generations write alike, and those of google.protobuf.
var sharedMessages = protoSchema{
	"Empty":  {},
	"Struct": {1: {form: protoMap, of: "Value"}},
	"Value": {
		1: {form: protoInt32, oneof: true},
		2: {form: protoDouble, oneof: true},
		3: {form: protoString, oneof: true},
		4: {form: protoBool, oneof: true},
		5: {form: protoSub, of: "Struct", oneof: true},
		6: {form: protoSub, of: "ListValue", oneof: true},
	},
	"ListValue": {1: {form: protoSub, of: "Value", many: true}},
	"Timestamp": {1: {name: "seconds", form: protoInt64}, 2: {name: "nanos", form: protoInt32}},
	"Message": {
		1: {name: "messageId", form: protoString, kind: KindID, slot: atMessage},
		2: {name: "contextId", form: protoString, kind: KindID, slot: atMessageContext},
		3: {name: "taskId", form: protoString, kind: KindID, slot: atMessageTask},
		4: {name: "role", form: protoInt32, slot: atRole},
		5: {name: "parts", form: protoSub, of: "Part", many: true},
		6: {name: "metadata", form: protoSub, of: "Struct", slot: atMessageMetadata},
		7: {name: "extensions", form: protoString, kind: KindID, slot: atExtensions, many: true},
		8: {name: "referenceTaskIds", form: protoString, kind: KindID, slot: atReferences, many: true},
	},
	"Task": {
		1: {name: "id", form: protoString, kind: KindID, slot: atTask},
		2: {name: "contextId", form: protoString, kind: KindID, slot: atContext},
		3: {name: "status", form: protoSub, of: "TaskStatus"},
		4: {name: "artifacts", form: protoSub, of: "Artifact", voice: artifactVoice, many: true},
		5: {name: "history", form: protoSub, of: "Message", voice: roleVoice, many: true},
		6: {name: "metadata", form: protoSub, of: "Struct"},
	},
	// 0.3 calls the message of a status update.
	"TaskStatus": {
		1: {name: "state", form: protoInt32, slot: atState},
		2: {name: "message", form: protoSub, of: "Message", voice: agentVoice},
		3: {name: "timestamp", form: protoSub, of: "Timestamp"},
	},
	"TaskArtifactUpdateEvent": {
		1: {name: "taskId", form: protoString, kind: KindID, slot: atTask},
		2: {name: "contextId", form: protoString, kind: KindID, slot: atContext},
		3: {name: "artifact", form: protoSub, of: "Artifact", voice: artifactVoice},
		4: {name: "append", form: protoBool},
		5: {name: "lastChunk", form: protoBool},
		6: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"SendMessageResponse": {
		1: {name: "task", form: protoSub, of: "Task", answer: AnswerTask, oneof: true},
		2: {name: "message", form: protoSub, of: "Message", answer: AnswerMessage, voice: agentVoice, oneof: true},
	},
	"StreamResponse": {
		1: {name: "task", form: protoSub, of: "Task", answer: AnswerTask, oneof: true},
		2: {name: "message", form: protoSub, of: "Message", answer: AnswerMessage, voice: agentVoice, oneof: true},
		3: {name: "statusUpdate", form: protoSub, of: "TaskStatusUpdateEvent", answer: AnswerStatusUpdate, oneof: true},
		4: {name: "artifactUpdate", form: protoSub, of: "TaskArtifactUpdateEvent", answer: AnswerArtifactUpdate, oneof: true},
	},
}

// currentMessages are those of package lf.a2a.v1 (specification/a2a.proto of 1.0).
var currentMessages = protoSchema{
	"SendMessageRequest": {
		1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant},
		2: {name: "message", form: protoSub, of: "Message"},
		3: {name: "configuration", form: protoSub, of: "SendMessageConfiguration"},
		4: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"SendMessageConfiguration": {
		1: {name: "acceptedOutputModes", form: protoString, kind: KindMedia, many: true},
		2: {name: "taskPushNotificationConfig", form: protoSub, of: "TaskPushNotificationConfig"},
		3: {name: "historyLength", form: protoInt32},
		4: {name: "returnImmediately", form: protoBool},
	},
	"Part": {
		1: {name: "text", form: protoString, kind: KindText, oneof: true},
		2: {name: "raw", form: protoBytes, kind: KindBytes, oneof: true},
		3: {name: "url", form: protoString, kind: KindURL, oneof: true},
		4: {name: "data", form: protoSub, of: "Value", oneof: true},
		5: {name: "metadata", form: protoSub, of: "Struct"},
		6: {name: "filename", form: protoString, kind: KindName},
		7: {name: "mediaType", form: protoString, kind: KindMedia},
	},
	"Artifact": {
		1: {name: "artifactId", form: protoString, kind: KindID, slot: atArtifact},
		2: {name: "name", form: protoString},
		3: {name: "description", form: protoString},
		4: {name: "parts", form: protoSub, of: "Part", many: true},
		5: {name: "metadata", form: protoSub, of: "Struct"},
		6: {name: "extensions", form: protoString, kind: KindID, many: true},
	},
	"TaskStatusUpdateEvent": {
		1: {name: "taskId", form: protoString, kind: KindID, slot: atTask},
		2: {name: "contextId", form: protoString, kind: KindID, slot: atContext},
		3: {name: "status", form: protoSub, of: "TaskStatus"},
		4: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"TaskPushNotificationConfig": {
		1: {name: "tenant", form: protoString, kind: KindID, slot: atPushTenant},
		2: {name: "id", form: protoString, kind: KindID},
		3: {name: "taskId", form: protoString, kind: KindID, slot: atPushTask},
		4: {name: "url", form: protoString, kind: KindCallback},
		5: {name: "token", form: protoString, kind: KindSecret},
		6: {name: "authentication", form: protoSub, of: "AuthenticationInfo"},
	},
	"AuthenticationInfo": {
		1: {name: "scheme", form: protoString, kind: KindID},
		2: {name: "credentials", form: protoString, kind: KindSecret},
	},
	"GetTaskRequest":         {1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant}, 2: {name: "id", form: protoString, kind: KindID, slot: atTask}, 3: {name: "historyLength", form: protoInt32}},
	"SubscribeToTaskRequest": {1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant}, 2: {name: "id", form: protoString, kind: KindID, slot: atTask}},
	"CancelTaskRequest": {
		1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant},
		2: {name: "id", form: protoString, kind: KindID, slot: atTask},
		3: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"ListTasksRequest": {
		1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant},
		2: {name: "contextId", form: protoString, kind: KindID, slot: atContext},
		3: {name: "status", form: protoInt32},
		4: {name: "pageSize", form: protoInt32},
		5: {name: "pageToken", form: protoString, kind: KindID},
		6: {name: "historyLength", form: protoInt32},
		7: {name: "statusTimestampAfter", form: protoSub, of: "Timestamp"},
		8: {name: "includeArtifacts", form: protoBool},
	},
	"ListTasksResponse": {
		1: {name: "tasks", form: protoSub, of: "Task", listed: true, many: true},
		2: {name: "nextPageToken", form: protoString, kind: KindID},
		3: {name: "pageSize", form: protoInt32},
		4: {name: "totalSize", form: protoInt32, slot: atTotal},
	},
	"GetTaskPushNotificationConfigRequest": {
		1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant},
		2: {name: "taskId", form: protoString, kind: KindID, slot: atTask},
		3: {name: "id", form: protoString, kind: KindID},
	},
	"DeleteTaskPushNotificationConfigRequest": {
		1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant},
		2: {name: "taskId", form: protoString, kind: KindID, slot: atTask},
		3: {name: "id", form: protoString, kind: KindID},
	},
	"ListTaskPushNotificationConfigsRequest": {
		1: {name: "taskId", form: protoString, kind: KindID, slot: atTask},
		2: {name: "pageSize", form: protoInt32},
		3: {name: "pageToken", form: protoString, kind: KindID},
		4: {name: "tenant", form: protoString, kind: KindID, slot: atTenant},
	},
	"ListTaskPushNotificationConfigsResponse": {
		1: {name: "configs", form: protoSub, of: "TaskPushNotificationConfig", many: true},
		2: {name: "nextPageToken", form: protoString, kind: KindID},
	},
	"GetExtendedAgentCardRequest": {1: {name: "tenant", form: protoString, kind: KindID, slot: atTenant}},
}

// legacyMessages are those of package a2a.v1 (the proto of 0.3). They name tasks and configurations by path.
var legacyMessages = protoSchema{
	"SendMessageRequest": {
		1: {name: "request", form: protoSub, of: "Message"},
		2: {name: "configuration", form: protoSub, of: "SendMessageConfiguration"},
		3: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"SendMessageConfiguration": {
		1: {name: "acceptedOutputModes", form: protoString, kind: KindMedia, many: true},
		2: {name: "pushNotification", form: protoSub, of: "PushNotificationConfig"},
		3: {name: "historyLength", form: protoInt32},
		4: {name: "blocking", form: protoBool},
	},
	"Part": {
		1: {name: "text", form: protoString, kind: KindText, oneof: true},
		2: {name: "file", form: protoSub, of: "FilePart", oneof: true},
		3: {name: "data", form: protoSub, of: "DataPart", oneof: true},
		4: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"FilePart": {
		1: {name: "fileWithUri", form: protoString, kind: KindURL, oneof: true},
		2: {name: "fileWithBytes", form: protoBytes, kind: KindBytes, oneof: true},
		3: {name: "mimeType", form: protoString, kind: KindMedia},
		4: {name: "name", form: protoString, kind: KindName},
	},
	"DataPart": {1: {name: "data", form: protoSub, of: "Struct"}},
	"Artifact": {
		1: {name: "artifactId", form: protoString, kind: KindID, slot: atArtifact},
		3: {name: "name", form: protoString},
		4: {name: "description", form: protoString},
		5: {name: "parts", form: protoSub, of: "Part", many: true},
		6: {name: "metadata", form: protoSub, of: "Struct"},
		7: {name: "extensions", form: protoString, kind: KindID, many: true},
	},
	"TaskStatusUpdateEvent": {
		1: {name: "taskId", form: protoString, kind: KindID, slot: atTask},
		2: {name: "contextId", form: protoString, kind: KindID, slot: atContext},
		3: {name: "status", form: protoSub, of: "TaskStatus"},
		4: {name: "final", form: protoBool, slot: atFinal},
		5: {name: "metadata", form: protoSub, of: "Struct"},
	},
	"PushNotificationConfig": {
		1: {name: "id", form: protoString, kind: KindID},
		2: {name: "url", form: protoString, kind: KindCallback},
		3: {name: "token", form: protoString, kind: KindSecret},
		4: {name: "authentication", form: protoSub, of: "AuthenticationInfo"},
	},
	"AuthenticationInfo": {
		1: {name: "schemes", form: protoString, kind: KindID, many: true},
		2: {name: "credentials", form: protoString, kind: KindSecret},
	},
	"TaskPushNotificationConfig": {
		1: {name: "name", form: protoString, kind: KindID, slot: atConfigName},
		2: {name: "pushNotificationConfig", form: protoSub, of: "PushNotificationConfig"},
	},
	"GetTaskRequest":          {1: {name: "name", form: protoString, kind: KindID, slot: atName}, 2: {name: "historyLength", form: protoInt32}},
	"CancelTaskRequest":       {1: {name: "name", form: protoString, kind: KindID, slot: atName}},
	"TaskSubscriptionRequest": {1: {name: "name", form: protoString, kind: KindID, slot: atName}},
	"ListTasksRequest": {
		1: {name: "contextId", form: protoString, kind: KindID, slot: atContext},
		2: {name: "status", form: protoInt32},
		3: {name: "pageSize", form: protoInt32},
		4: {name: "pageToken", form: protoString, kind: KindID},
		5: {name: "historyLength", form: protoInt32},
		6: {name: "lastUpdatedTime", form: protoSub, of: "Timestamp"},
		7: {name: "includeArtifacts", form: protoBool},
	},
	"ListTasksResponse": {
		1: {name: "tasks", form: protoSub, of: "Task", listed: true, many: true},
		2: {name: "nextPageToken", form: protoString, kind: KindID},
		3: {name: "totalSize", form: protoInt32, slot: atTotal},
	},
	"CreateTaskPushNotificationConfigRequest": {
		1: {name: "parent", form: protoString, kind: KindID, slot: atParent},
		2: {name: "configId", form: protoString, kind: KindID},
		3: {name: "config", form: protoSub, of: "TaskPushNotificationConfig"},
	},
	"GetTaskPushNotificationConfigRequest":    {1: {name: "name", form: protoString, kind: KindID, slot: atConfigName}},
	"DeleteTaskPushNotificationConfigRequest": {1: {name: "name", form: protoString, kind: KindID, slot: atConfigName}},
	"ListTaskPushNotificationConfigRequest": {
		1: {name: "parent", form: protoString, kind: KindID, slot: atParent},
		2: {name: "pageSize", form: protoInt32},
		3: {name: "pageToken", form: protoString, kind: KindID},
	},
	"ListTaskPushNotificationConfigResponse": {
		1: {name: "configs", form: protoSub, of: "TaskPushNotificationConfig", many: true},
		2: {name: "nextPageToken", form: protoString, kind: KindID},
	},
	"GetAgentCardRequest": {},
}
