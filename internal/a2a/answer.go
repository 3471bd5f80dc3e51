package a2a

// AnswerKind says what an agent's answer, or one event of its stream, is. The zero value is JSON that A2A does not
// define, or nothing that could be told.
type AnswerKind uint8

// The kinds.
const (
	AnswerUnknown AnswerKind = iota
	AnswerTask
	AnswerMessage
	AnswerStatusUpdate
	AnswerArtifactUpdate
	AnswerTaskList
	AnswerPushConfig
	AnswerPushConfigList
	AnswerCard
	// AnswerEmpty is success without content, as after the deletion of a push configuration.
	AnswerEmpty
	// AnswerError is the agent's own refusal.
	AnswerError
)

// TaskState is how far a task is, as far as the mesh has to know. The zero value is unknown.
type TaskState uint8

// The states: active (submitted, working), interrupted (input or authentication required), terminal (completed,
// failed, canceled, rejected).
const (
	TaskStateUnknown TaskState = iota
	TaskActive
	TaskInterrupted
	TaskTerminal
)

// TaskRef is one task that an answer is about.
type TaskRef struct {
	// ID is empty where the agent names a context only, as for a message outside any task.
	ID, ContextID string
	State         TaskState
	// Start and End are the byte offsets of the task in the body, for the elements of a task list. In a protobuf
	// body they include the field's tag and length.
	Start, End int32
}

// Span is a place in a body: byte offsets, 0 and 0 for none.
type Span struct{ Start, End int32 }

// Answer is what an agent says in one answer or one event of a stream. Its strings share one copy of the body; RequestID
// aliases the body.
type Answer struct {
	Kind AnswerKind
	// RequestID is the JSON-RPC id as raw JSON, nil when there is none.
	RequestID []byte
	// Tasks are the tasks that the answer is about: one for a task, an update or a message in a task, any number
	// for a list.
	Tasks []TaskRef
	// Final says that the agent announces no further event in this stream, as generation 0.3 does.
	Final bool
	// ErrorCode is the agent's error code in the binding's own numbering; 0 when there is none.
	ErrorCode int
	// Total is the place of the number of all tasks in a list, to be corrected when tasks are taken out.
	Total Span
	// Card is the place of an AgentCard.
	Card Span
	// Texts are all places where untrusted text, names or URLs stand, in document order.
	Texts []Text
}
