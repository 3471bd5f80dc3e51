package a2a

import "strings"

// grpcCall is one method of A2A's gRPC services. The zero value is a method that A2A does not define.
type grpcCall struct {
	name       string // service and method, without the slash in front
	method     Method
	generation Generation
	request    *protoMessage
	answer     *protoMessage
	// kind is what the answer is, where the message alone says it.
	kind AnswerKind
}

// The package of a service tells the generation.
const (
	currentService = "lf.a2a.v1.A2AService"
	legacyService  = "a2a.v1.A2AService"
)

// grpcService is the methods of one service, in the order of its proto.
type grpcService struct {
	name       string
	generation Generation
	messages   map[string]*protoMessage
	methods    []grpcMethod
}

// grpcMethod is one method as its proto declares it.
type grpcMethod struct {
	name, request, answer string
	method                Method
}

var grpcServices = [...]grpcService{
	{currentService, V10, link(sharedMessages, sharedCard, currentMessages, currentCard), []grpcMethod{
		{"SendMessage", "SendMessageRequest", "SendMessageResponse", SendMessage},
		{"SendStreamingMessage", "SendMessageRequest", "StreamResponse", SendStreamingMessage},
		{"GetTask", "GetTaskRequest", "Task", GetTask},
		{"ListTasks", "ListTasksRequest", "ListTasksResponse", ListTasks},
		{"CancelTask", "CancelTaskRequest", "Task", CancelTask},
		{"SubscribeToTask", "SubscribeToTaskRequest", "StreamResponse", SubscribeToTask},
		{"CreateTaskPushNotificationConfig", "TaskPushNotificationConfig", "TaskPushNotificationConfig", CreateTaskPushNotificationConfig},
		{"GetTaskPushNotificationConfig", "GetTaskPushNotificationConfigRequest", "TaskPushNotificationConfig", GetTaskPushNotificationConfig},
		{"ListTaskPushNotificationConfigs", "ListTaskPushNotificationConfigsRequest", "ListTaskPushNotificationConfigsResponse", ListTaskPushNotificationConfigs},
		{"GetExtendedAgentCard", "GetExtendedAgentCardRequest", "AgentCard", GetExtendedAgentCard},
		{"DeleteTaskPushNotificationConfig", "DeleteTaskPushNotificationConfigRequest", "Empty", DeleteTaskPushNotificationConfig},
	}},
	{legacyService, V03, link(sharedMessages, sharedCard, legacyMessages, legacyCard), []grpcMethod{
		{"SendMessage", "SendMessageRequest", "SendMessageResponse", SendMessage},
		{"SendStreamingMessage", "SendMessageRequest", "StreamResponse", SendStreamingMessage},
		{"GetTask", "GetTaskRequest", "Task", GetTask},
		{"ListTasks", "ListTasksRequest", "ListTasksResponse", ListTasks},
		{"CancelTask", "CancelTaskRequest", "Task", CancelTask},
		{"TaskSubscription", "TaskSubscriptionRequest", "StreamResponse", SubscribeToTask},
		{"CreateTaskPushNotificationConfig", "CreateTaskPushNotificationConfigRequest", "TaskPushNotificationConfig", CreateTaskPushNotificationConfig},
		{"GetTaskPushNotificationConfig", "GetTaskPushNotificationConfigRequest", "TaskPushNotificationConfig", GetTaskPushNotificationConfig},
		{"ListTaskPushNotificationConfig", "ListTaskPushNotificationConfigRequest", "ListTaskPushNotificationConfigResponse", ListTaskPushNotificationConfigs},
		{"GetAgentCard", "GetAgentCardRequest", "AgentCard", GetExtendedAgentCard},
		{"DeleteTaskPushNotificationConfig", "DeleteTaskPushNotificationConfigRequest", "Empty", DeleteTaskPushNotificationConfig},
	}},
}

// messageKinds is what an answer of the message is.
var messageKinds = map[string]AnswerKind{
	"Task":                       AnswerTask,
	"ListTasksResponse":          AnswerTaskList,
	"TaskPushNotificationConfig": AnswerPushConfig,
	"ListTaskPushNotificationConfigsResponse": AnswerPushConfigList,
	"ListTaskPushNotificationConfigResponse":  AnswerPushConfigList,
	"AgentCard":                               AnswerCard,
	"Empty":                                   AnswerEmpty,
}

var (
	grpcCalls = callTable(func(name string) string { return name })
	// lenientCalls are found by lower-case names: the routers of some servers disregard case.
	lenientCalls = callTable(strings.ToLower)
)

func callTable(key func(string) string) map[string]*grpcCall {
	calls := map[string]*grpcCall{}
	for i := range grpcServices {
		s := &grpcServices[i]
		for _, m := range s.methods {
			name := s.name + "/" + m.name
			calls[key(name)] = &grpcCall{
				name:       name,
				method:     m.method,
				generation: s.generation,
				request:    s.messages[m.request],
				answer:     s.messages[m.answer],
				kind:       messageKinds[m.answer],
			}
		}
	}
	return calls
}

// resolveCall returns the method that the path of a gRPC request names, OtherMethod for one that A2A does not define.
// It fails for a path that servers could take for different methods.
func resolveCall(path string) (*grpcCall, flaw) {
	if len(path) > maxPath {
		return nil, longPath
	}
	name, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, badPath
	}
	if call := grpcCalls[name]; call != nil {
		return call, sound
	}
	service, method, ok := strings.Cut(name, "/")
	if !ok || !protoName(service) || !protoName(method) || lenientCalls[strings.ToLower(name)] != nil {
		return nil, badPath
	}
	other := &grpcCall{name: name, method: OtherMethod, request: unknownMessage, answer: unknownMessage}
	for i := range grpcServices {
		if grpcServices[i].name == service {
			other.generation = grpcServices[i].generation
		}
	}
	return other, sound
}

// protoName reports whether s is a name of protobuf, with packages. Anything else some servers decode or normalise.
func protoName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return s != "" && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}
