package a2a

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// ApprovalExtension is the extension by which a caller says that it would rather have a task than an error when people
// have to approve its message first. Its URI is also the key under which the metadata of such a task stands.
const ApprovalExtension = "https://ringfence.dev/ext/approval/v1"

// WantsApproval reports whether the values of a2a-extensions, or of x-a2a-extensions as 0.3 spells it, list
// ApprovalExtension. Each value is a list with commas. No other version of the extension counts.
func WantsApproval(values ...string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		for uri := range strings.SplitSeq(value, ",") {
			if strings.Trim(uri, " \t") == ApprovalExtension {
				return true
			}
		}
		return false
	})
}

// WaitingState is how far a waiting task is. The zero value is unknown: nothing can be told of it.
type WaitingState uint8

// The states. AuthRequired is a task about which people have not decided, or which nobody asked for since they approved;
// Working is one whose message is on its way to the agent. The others are terminal: Rejected by people, Canceled by its
// caller, Failed for want of a decision in time or of an answer from the agent, Completed with a message and no task.
const (
	WaitingUnknown WaitingState = iota
	WaitingAuthRequired
	WaitingWorking
	WaitingRejected
	WaitingCanceled
	WaitingFailed
	WaitingCompleted
)

// Terminal reports whether the state never changes again.
func (s WaitingState) Terminal() bool {
	return s >= WaitingRejected && int(s) < len(waitingNames)
}

// Waiting is a task that the mesh answers for, because no agent has it yet. The zero value is none.
type Waiting struct {
	// ID and ContextID are those of the task. Clients of 0.3 expect a context.
	ID, ContextID string
	// Message tells people why the task is in its state; MessageID is the id of the message that holds it. Without a
	// text the status has no message.
	Message, MessageID string
	State              WaitingState
	// At is when the task came into its state, of the years 1 to 9999; the zero time is left out.
	At time.Time
	// Metadata are for programs: what people have to look up, and until when. Their keys must differ.
	Metadata []Pair
}

// A2A's error codes for a task that cannot be canceled, and for what a task does not offer (A2A 1.0, section 5.4).
const (
	codeTaskNotCancelable    = -32002
	codeUnsupportedOperation = -32004
	grpcFailedPrecondition   = 9
)

// Answer returns the answer to op, which is the message that waits or asks for the task which stands for it. It reports
// false for what a waiting task cannot answer: other methods, an unknown state, and the gRPC binding. A proxy answers a
// gRPC call with a status alone, never with a message and trailers behind it; such callers get the error that says what
// their message waits for.
//
// A stream has one event, the task; in 0.3, where streams announce their end, the final status follows. A task that has
// ended cannot be subscribed to in 1.0 (section 3.1.6), and one that has ended otherwise or is with the agent cannot be
// canceled (section 3.1.5): the answer is A2A's error for that.
func (w Waiting) Answer(op Operation) (Response, bool) {
	as := spellingOf(op.Binding, op.Generation)
	if as == unspelled || w.State == WaitingUnknown || int(w.State) >= len(waitingNames) {
		return Response{}, false
	}
	switch op.Method {
	case SendMessage:
		return approvalAnswer(op, "application/json", appendResult(nil, op, w.sent(as))), true
	case GetTask:
		return approvalAnswer(op, "application/json", appendResult(nil, op, w.task(as))), true
	case CancelTask:
		if w.State == WaitingWorking || w.State.Terminal() && w.State != WaitingCanceled {
			return w.refusal(op, codeTaskNotCancelable, "TASK_NOT_CANCELABLE", "the task cannot be canceled"), true
		}
		return approvalAnswer(op, "application/json", appendResult(nil, op, w.task(as))), true
	case SubscribeToTask:
		if w.State.Terminal() && as == currentSpelling {
			return w.refusal(op, codeUnsupportedOperation, "UNSUPPORTED_OPERATION", "the task has ended"), true
		}
	case SendStreamingMessage:
	default:
		return Response{}, false
	}
	events := appendEvent(nil, appendResult(nil, op, w.sent(as)))
	if as != currentSpelling {
		events = appendEvent(events, appendResult(nil, op, w.finalStatus(as)))
	}
	return approvalAnswer(op, "text/event-stream", events), true
}

// approvalAnswer says by the header of the generation that the extension is active (A2A 1.0, section 3.2.6).
func approvalAnswer(op Operation, contentType string, body []byte) Response {
	header := "a2a-extensions"
	if op.Generation == V03 {
		header = "x-a2a-extensions"
	}
	return Response{
		Status: http.StatusOK,
		Headers: [][2]string{
			{"content-type", contentType}, {"cache-control", "no-store"}, {header, ApprovalExtension},
		},
		Body: body,
	}
}

// refusal is an error of A2A's own about the task, with what its status says.
func (w Waiting) refusal(op Operation, code int, reason, message string) Response {
	if w.Message != "" {
		message += ": " + w.Message
	}
	return Denial{
		Binding: op.Binding, Streaming: op.Method.Streaming(), RequestID: op.RequestID,
		HTTPStatus: http.StatusBadRequest, Code: code, GRPC: grpcFailedPrecondition,
		Reason: reason, Message: message, Metadata: w.Metadata,
	}.Response()
}
