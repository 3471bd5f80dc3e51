// Package a2a reads A2A messages: one request of either generation (1.0, 0.3) and of any binding becomes one
// Operation, one answer or event of a stream one Answer. It is strict where servers differ (duplicate keys, trailing
// data, wrong-case keys, bad UTF-8), so that the mesh and the agent cannot be made to read one body in two ways, and it
// bounds what it reads.
package a2a

// Binding is a protocol binding of A2A, as it is told from a request. The zero value is unknown.
type Binding uint8

// The bindings.
const (
	BindingUnknown Binding = iota
	JSONRPC
	HTTPJSON
	GRPC
)

// String returns the name AgentCards use.
func (b Binding) String() string {
	switch b {
	case JSONRPC:
		return "JSONRPC"
	case HTTPJSON:
		return "HTTP+JSON"
	case GRPC:
		return "GRPC"
	default:
		return "unknown"
	}
}

// Generation is the wire generation of a request. The zero value is unknown.
type Generation uint8

// The generations: 0.3 and 1.0.
const (
	GenerationUnknown Generation = iota
	V03
	V10
)

// String returns the Major.Minor version.
func (g Generation) String() string {
	switch g {
	case V03:
		return "0.3"
	case V10:
		return "1.0"
	default:
		return "unknown"
	}
}

// Method is the canonical name of an operation, one for both generations and all bindings. The zero value is
// an operation that was not determined.
type Method string

// The canonical methods. OtherMethod is a well-formed request for a method A2A does not define.
const (
	SendMessage                      Method = "SendMessage"
	SendStreamingMessage             Method = "SendStreamingMessage"
	GetTask                          Method = "GetTask"
	ListTasks                        Method = "ListTasks"
	CancelTask                       Method = "CancelTask"
	SubscribeToTask                  Method = "SubscribeToTask"
	CreateTaskPushNotificationConfig Method = "CreateTaskPushNotificationConfig"
	GetTaskPushNotificationConfig    Method = "GetTaskPushNotificationConfig"
	ListTaskPushNotificationConfigs  Method = "ListTaskPushNotificationConfigs"
	DeleteTaskPushNotificationConfig Method = "DeleteTaskPushNotificationConfig"
	GetExtendedAgentCard             Method = "GetExtendedAgentCard"
	GetAgentCard                     Method = "GetAgentCard"
	OtherMethod                      Method = "other"
)

// ReadOnly reports whether the method itself, whoever the callee is, only reads.
func (m Method) ReadOnly() bool {
	switch m {
	case GetTask, ListTasks, SubscribeToTask, GetTaskPushNotificationConfig, ListTaskPushNotificationConfigs,
		GetExtendedAgentCard, GetAgentCard:
		return true
	}
	return false
}

// Writes reports whether the method itself, whoever the callee is, changes something.
func (m Method) Writes() bool {
	switch m {
	case CancelTask, CreateTaskPushNotificationConfig, DeleteTaskPushNotificationConfig:
		return true
	}
	return false
}

// Streaming reports whether a successful answer is a stream of events.
func (m Method) Streaming() bool { return m == SendStreamingMessage || m == SubscribeToTask }

// Operation is what a request asks for. Its strings share one copy of the body: clone what outlives the request.
// RequestID aliases the body that was parsed: keep the body unchanged while it is in use. Ids, tenant and
// declarations are claims of the caller.
type Operation struct {
	Method     Method
	Wire       string // the method as the wire spells it; for HTTP+JSON the verb and path template
	Binding    Binding
	Generation Generation
	// RequestID is the JSON-RPC id as raw JSON (string, number or null), to be echoed; nil when there is none.
	RequestID []byte
	Tenant    string
	TaskID    string
	ContextID string
	MessageID string
	// Skill and Action are what the caller declared through the extension ActionExtension.
	Skill, Action string
	// Extensions are the URIs in message.extensions.
	Extensions []string
	// References are the task ids in message.referenceTaskIds: tasks whose content the agent may draw on.
	References []string
	// Mentions are ids that stand where some agents look for a task although the method has it elsewhere, or where any
	// method that A2A does not define could have it. They need not be ids of tasks.
	Mentions []string
	// Texts are all places where untrusted text, names or URLs stand, those of the path first, then those of
	// the body in document order.
	Texts []Text
}

// ActionExtension is the extension through which a caller declares the skill and action it means, as
// {"skill": …, "action": …} under this key in message metadata.
const ActionExtension = "https://ringfence.dev/ext/action/v1"

// Limits bound what the parsers accept. The zero value accepts no body.
type Limits struct {
	// Bytes is the largest body, in bytes.
	Bytes int
	// Depth is the deepest nesting of arrays and objects; more than 1,000 counts as 1,000.
	Depth int
	// Members is the largest number of members and elements in the whole body.
	Members int
}

// DefaultLimits returns the limits used where the operator sets none: 1 MiB, 64 levels, 65,536 members.
func DefaultLimits() Limits { return Limits{Bytes: 1 << 20, Depth: 64, Members: 1 << 16} }
