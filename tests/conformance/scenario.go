package conformance

import (
	"strings"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
)

// Prefixes of message ids with a meaning of their own, beside those of the A2A TCK.
const (
	// EchoPrefix makes the agent answer with the service parameters it was called with.
	EchoPrefix = "echo-parameters"
	// HoldPrefix makes the agent work on the task until somebody cancels it.
	HoldPrefix = "hold-task"
)

// pause is what the TCK calls twice its streaming timeout: long enough for a second client to subscribe.
const pause = 4 * time.Second

// step is one thing a scenario does. Exactly one of its members is set.
type step struct {
	state    a2a.TaskState // moves the task there, with the scenario's text as its status message
	artifact []*a2a.Part   // adds an artifact
	chunk    *a2a.Part     // adds a part to the artifact that is being streamed
	last     *a2a.Part     // adds the last part to it
	wait     time.Duration // lets time pass, or less when the task is cancelled
	hold     bool          // waits for the cancellation
	echo     bool          // adds an artifact that says with which service parameters the call came
	reply    []*a2a.Part   // answers with a message instead of a task
}

// scenario is what the agent does with messages whose id begins with a prefix.
type scenario struct {
	prefix string
	text   string // status message of the last state
	steps  []step
}

// scenarios are the behaviours that the A2A TCK (branch 1.0-dev, directory scenarios) expects of an agent under
// test, and two of our own.
var scenarios = []scenario{
	{prefix: "tck-complete-task", text: "Hello from TCK", steps: []step{{state: a2a.TaskStateCompleted}}},
	{prefix: "tck-artifact-text", steps: produces(a2a.NewTextPart("Generated text content"))},
	{prefix: "tck-artifact-file", steps: produces(textFile())},
	{prefix: "tck-artifact-file-url", steps: produces(linkedFile())},
	{prefix: "tck-artifact-data", steps: produces(a2a.NewDataPart(map[string]any{"key": "value", "count": 42}))},
	{prefix: "tck-message-response", steps: []step{{reply: []*a2a.Part{a2a.NewTextPart("Direct message response")}}}},
	{prefix: "tck-input-required", steps: []step{{state: a2a.TaskStateInputRequired}}},
	{prefix: "tck-reject-task", text: "rejected", steps: []step{{state: a2a.TaskStateRejected}}},
	{prefix: "tck-stream-001", steps: streams(a2a.NewTextPart("Stream hello from TCK"))},
	{prefix: "tck-stream-002", steps: []step{{state: a2a.TaskStateCompleted}}},
	{prefix: "tck-stream-003", steps: streams(a2a.NewTextPart("Stream task lifecycle"))},
	{prefix: "tck-stream-ordering-001", steps: streams(a2a.NewTextPart("Ordered output"))},
	{prefix: "tck-stream-artifact-text", steps: streams(a2a.NewTextPart("Streamed text content"))},
	{prefix: "tck-stream-artifact-file", steps: streams(textFile())},
	{prefix: "tck-stream-artifact-chunked", steps: []step{
		{state: a2a.TaskStateWorking},
		{chunk: a2a.NewTextPart("chunk-1 ")},
		{last: a2a.NewTextPart("chunk-2")},
		{state: a2a.TaskStateCompleted},
	}},
	{prefix: "test-resubscribe-message-id", steps: []step{
		{state: a2a.TaskStateWorking}, {wait: pause}, {state: a2a.TaskStateCompleted},
	}},
	{prefix: EchoPrefix, steps: []step{{echo: true}, {state: a2a.TaskStateCompleted}}},
	{prefix: HoldPrefix, steps: []step{{state: a2a.TaskStateWorking}, {hold: true}}},
}

// scenarioOf returns the scenario with the longest prefix of the message id, and the first one for all other ids.
func scenarioOf(messageID string) scenario {
	found := scenarios[0]
	matched := 0
	for _, s := range scenarios {
		if len(s.prefix) > matched && strings.HasPrefix(messageID, s.prefix) {
			found, matched = s, len(s.prefix)
		}
	}
	return found
}

// makesTask reports whether the scenario works on a task; a reply needs none.
func (s scenario) makesTask() bool { return s.steps[0].reply == nil }

func produces(part *a2a.Part) []step {
	return []step{{artifact: []*a2a.Part{part}}, {state: a2a.TaskStateCompleted}}
}

func streams(part *a2a.Part) []step {
	return append([]step{{state: a2a.TaskStateWorking}}, produces(part)...)
}

func textFile() *a2a.Part {
	return &a2a.Part{Content: a2a.Raw("Generated file content"), Filename: "output.txt", MediaType: "text/plain"}
}

func linkedFile() *a2a.Part {
	return &a2a.Part{Content: a2a.URL("https://example.com/output.txt"), Filename: "output.txt", MediaType: "text/plain"}
}
