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
	"Timestamp": {1: {form: protoInt64}, 2: {form: protoInt32}},
	"Message": {
		1: {form: protoString, kind: KindID, slot: atMessage},
		2: {form: protoString, kind: KindID, slot: atMessageContext},
		3: {form: protoString, kind: KindID, slot: atMessageTask},
		4: {form: protoInt32, slot: atRole},
		5: {form: protoSub, of: "Part", many: true},
		6: {form: protoSub, of: "Struct", slot: atMessageMetadata},
		7: {form: protoString, kind: KindID, slot: atExtensions, many: true},
		8: {form: protoString, kind: KindID, slot: atReferences, many: true},
	},
	"Task": {
		1: {form: protoString, kind: KindID, slot: atTask},
		2: {form: protoString, kind: KindID, slot: atContext},
		3: {form: protoSub, of: "TaskStatus"},
		4: {form: protoSub, of: "Artifact", voice: artifactVoice, many: true},
		5: {form: protoSub, of: "Message", voice: roleVoice, many: true},
		6: {form: protoSub, of: "Struct"},
	},
	// 0.3 calls the message of a status update.
	"TaskStatus": {
		1: {form: protoInt32, slot: atState},
		2: {form: protoSub, of: "Message", voice: agentVoice},
		3: {form: protoSub, of: "Timestamp"},
	},
	"TaskArtifactUpdateEvent": {
		1: {form: protoString, kind: KindID, slot: atTask},
		2: {form: protoString, kind: KindID, slot: atContext},
		3: {form: protoSub, of: "Artifact", voice: artifactVoice},
		4: {form: protoBool},
		5: {form: protoBool},
		6: {form: protoSub, of: "Struct"},
	},
	"SendMessageResponse": {
		1: {form: protoSub, of: "Task", answer: AnswerTask, oneof: true},
		2: {form: protoSub, of: "Message", answer: AnswerMessage, voice: agentVoice, oneof: true},
	},
	"StreamResponse": {
		1: {form: protoSub, of: "Task", answer: AnswerTask, oneof: true},
		2: {form: protoSub, of: "Message", answer: AnswerMessage, voice: agentVoice, oneof: true},
		3: {form: protoSub, of: "TaskStatusUpdateEvent", answer: AnswerStatusUpdate, oneof: true},
		4: {form: protoSub, of: "TaskArtifactUpdateEvent", answer: AnswerArtifactUpdate, oneof: true},
	},
}

// currentMessages are those of package lf.a2a.v1 (specification/a2a.proto of 1.0).
var currentMessages = protoSchema{
	"SendMessageRequest": {
		1: {form: protoString, kind: KindID, slot: atTenant},
		2: {form: protoSub, of: "Message"},
		3: {form: protoSub, of: "SendMessageConfiguration"},
		4: {form: protoSub, of: "Struct"},
	},
	"SendMessageConfiguration": {
		1: {form: protoString, kind: KindMedia, many: true},
		2: {form: protoSub, of: "TaskPushNotificationConfig"},
		3: {form: protoInt32},
		4: {form: protoBool},
	},
	"Part": {
		1: {form: protoString, kind: KindText, oneof: true},
		2: {form: protoBytes, kind: KindBytes, oneof: true},
		3: {form: protoString, kind: KindURL, oneof: true},
		4: {form: protoSub, of: "Value", oneof: true},
		5: {form: protoSub, of: "Struct"},
		6: {form: protoString, kind: KindName},
		7: {form: protoString, kind: KindMedia},
	},
	"Artifact": {
		1: {form: protoString, kind: KindID, slot: atArtifact},
		2: {form: protoString},
		3: {form: protoString},
		4: {form: protoSub, of: "Part", many: true},
		5: {form: protoSub, of: "Struct"},
		6: {form: protoString, kind: KindID, many: true},
	},
	"TaskStatusUpdateEvent": {
		1: {form: protoString, kind: KindID, slot: atTask},
		2: {form: protoString, kind: KindID, slot: atContext},
		3: {form: protoSub, of: "TaskStatus"},
		4: {form: protoSub, of: "Struct"},
	},
	"TaskPushNotificationConfig": {
		1: {form: protoString, kind: KindID, slot: atPushTenant},
		2: {form: protoString, kind: KindID},
		3: {form: protoString, kind: KindID, slot: atPushTask},
		4: {form: protoString, kind: KindCallback},
		5: {form: protoString, kind: KindSecret},
		6: {form: protoSub, of: "AuthenticationInfo"},
	},
	"AuthenticationInfo": {
		1: {form: protoString, kind: KindID},
		2: {form: protoString, kind: KindSecret},
	},
	"GetTaskRequest":         {1: {form: protoString, kind: KindID, slot: atTenant}, 2: {form: protoString, kind: KindID, slot: atTask}, 3: {form: protoInt32}},
	"SubscribeToTaskRequest": {1: {form: protoString, kind: KindID, slot: atTenant}, 2: {form: protoString, kind: KindID, slot: atTask}},
	"CancelTaskRequest": {
		1: {form: protoString, kind: KindID, slot: atTenant},
		2: {form: protoString, kind: KindID, slot: atTask},
		3: {form: protoSub, of: "Struct"},
	},
	"ListTasksRequest": {
		1: {form: protoString, kind: KindID, slot: atTenant},
		2: {form: protoString, kind: KindID, slot: atContext},
		3: {form: protoInt32},
		4: {form: protoInt32},
		5: {form: protoString, kind: KindID},
		6: {form: protoInt32},
		7: {form: protoSub, of: "Timestamp"},
		8: {form: protoBool},
	},
	"ListTasksResponse": {
		1: {form: protoSub, of: "Task", listed: true, many: true},
		2: {form: protoString, kind: KindID},
		3: {form: protoInt32},
		4: {form: protoInt32, slot: atTotal},
	},
	"GetTaskPushNotificationConfigRequest": {
		1: {form: protoString, kind: KindID, slot: atTenant},
		2: {form: protoString, kind: KindID, slot: atTask},
		3: {form: protoString, kind: KindID},
	},
	"DeleteTaskPushNotificationConfigRequest": {
		1: {form: protoString, kind: KindID, slot: atTenant},
		2: {form: protoString, kind: KindID, slot: atTask},
		3: {form: protoString, kind: KindID},
	},
	"ListTaskPushNotificationConfigsRequest": {
		1: {form: protoString, kind: KindID, slot: atTask},
		2: {form: protoInt32},
		3: {form: protoString, kind: KindID},
		4: {form: protoString, kind: KindID, slot: atTenant},
	},
	"ListTaskPushNotificationConfigsResponse": {
		1: {form: protoSub, of: "TaskPushNotificationConfig", many: true},
		2: {form: protoString, kind: KindID},
	},
	"GetExtendedAgentCardRequest": {1: {form: protoString, kind: KindID, slot: atTenant}},
}

// legacyMessages are those of package a2a.v1 (the proto of 0.3). They name tasks and configurations by path.
var legacyMessages = protoSchema{
	"SendMessageRequest": {
		1: {form: protoSub, of: "Message"},
		2: {form: protoSub, of: "SendMessageConfiguration"},
		3: {form: protoSub, of: "Struct"},
	},
	"SendMessageConfiguration": {
		1: {form: protoString, kind: KindMedia, many: true},
		2: {form: protoSub, of: "PushNotificationConfig"},
		3: {form: protoInt32},
		4: {form: protoBool},
	},
	"Part": {
		1: {form: protoString, kind: KindText, oneof: true},
		2: {form: protoSub, of: "FilePart", oneof: true},
		3: {form: protoSub, of: "DataPart", oneof: true},
		4: {form: protoSub, of: "Struct"},
	},
	"FilePart": {
		1: {form: protoString, kind: KindURL, oneof: true},
		2: {form: protoBytes, kind: KindBytes, oneof: true},
		3: {form: protoString, kind: KindMedia},
		4: {form: protoString, kind: KindName},
	},
	"DataPart": {1: {form: protoSub, of: "Struct"}},
	"Artifact": {
		1: {form: protoString, kind: KindID, slot: atArtifact},
		3: {form: protoString},
		4: {form: protoString},
		5: {form: protoSub, of: "Part", many: true},
		6: {form: protoSub, of: "Struct"},
		7: {form: protoString, kind: KindID, many: true},
	},
	"TaskStatusUpdateEvent": {
		1: {form: protoString, kind: KindID, slot: atTask},
		2: {form: protoString, kind: KindID, slot: atContext},
		3: {form: protoSub, of: "TaskStatus"},
		4: {form: protoBool, slot: atFinal},
		5: {form: protoSub, of: "Struct"},
	},
	"PushNotificationConfig": {
		1: {form: protoString, kind: KindID},
		2: {form: protoString, kind: KindCallback},
		3: {form: protoString, kind: KindSecret},
		4: {form: protoSub, of: "AuthenticationInfo"},
	},
	"AuthenticationInfo": {
		1: {form: protoString, kind: KindID, many: true},
		2: {form: protoString, kind: KindSecret},
	},
	"TaskPushNotificationConfig": {
		1: {form: protoString, kind: KindID, slot: atConfigName},
		2: {form: protoSub, of: "PushNotificationConfig"},
	},
	"GetTaskRequest":          {1: {form: protoString, kind: KindID, slot: atName}, 2: {form: protoInt32}},
	"CancelTaskRequest":       {1: {form: protoString, kind: KindID, slot: atName}},
	"TaskSubscriptionRequest": {1: {form: protoString, kind: KindID, slot: atName}},
	"ListTasksRequest": {
		1: {form: protoString, kind: KindID, slot: atContext},
		2: {form: protoInt32},
		3: {form: protoInt32},
		4: {form: protoString, kind: KindID},
		5: {form: protoInt32},
		6: {form: protoSub, of: "Timestamp"},
		7: {form: protoBool},
	},
	"ListTasksResponse": {
		1: {form: protoSub, of: "Task", listed: true, many: true},
		2: {form: protoString, kind: KindID},
		3: {form: protoInt32, slot: atTotal},
	},
	"CreateTaskPushNotificationConfigRequest": {
		1: {form: protoString, kind: KindID, slot: atParent},
		2: {form: protoString, kind: KindID},
		3: {form: protoSub, of: "TaskPushNotificationConfig"},
	},
	"GetTaskPushNotificationConfigRequest":    {1: {form: protoString, kind: KindID, slot: atConfigName}},
	"DeleteTaskPushNotificationConfigRequest": {1: {form: protoString, kind: KindID, slot: atConfigName}},
	"ListTaskPushNotificationConfigRequest": {
		1: {form: protoString, kind: KindID, slot: atParent},
		2: {form: protoInt32},
		3: {form: protoString, kind: KindID},
	},
	"ListTaskPushNotificationConfigResponse": {
		1: {form: protoSub, of: "TaskPushNotificationConfig", many: true},
		2: {form: protoString, kind: KindID},
	},
	"GetAgentCardRequest": {},
}
