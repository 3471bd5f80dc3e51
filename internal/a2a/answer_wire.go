package a2a

import "slices"

// The objects of A2A answers, both generations in one. They are open: an agent's own member whose name comes near
// one of A2A's is free data, not a reason to withhold the answer. The envelope of JSON-RPC alone is not: it has no members
// of the agent's own, and in another spelling some clients would find the result where the mesh sees none.
var (
	answerPart    = near(opened(part))
	answerMessage = []rule{
		{name: "role", kind: KindID, slot: ownRole},
		{name: "parts", slot: ownParts, elements: &rule{members: answerPart}},
		{name: "messageId", kind: KindID, slot: ownMessageID},
		{name: "taskId", kind: KindID, slot: ownTask},
		{name: "contextId", kind: KindID, slot: ownContext},
		{name: "metadata"},
		{name: "kind", kind: KindID, slot: ownKind},
		{name: "extensions", elements: &rule{kind: KindID}},
		{name: "referenceTaskIds", elements: &rule{kind: KindID}},
		{name: "content", slot: ownParts, elements: &rule{members: answerPart}},
	}
	// The proto of 0.3 names the field update and its JSON form message.
	taskStatus = open(noSubject,
		rule{name: "state", kind: KindID, slot: ownState},
		rule{name: "message", members: open(statusMessage, answerMessage...)},
		rule{name: "update", members: open(statusMessage, answerMessage...)},
		rule{name: "timestamp", kind: KindID},
	)
	answerArtifact = open(artifact,
		rule{name: "artifactId", kind: KindID, slot: ownArtifactID},
		rule{name: "name"},
		rule{name: "description"},
		rule{name: "parts", elements: &rule{members: answerPart}},
		rule{name: "metadata"},
		rule{name: "extensions", elements: &rule{kind: KindID}},
	)
	answerTask = []rule{
		{name: "id", kind: KindID, slot: ownID},
		{name: "contextId", kind: KindID, slot: ownContext},
		{name: "status", slot: ownStatus, members: taskStatus},
		{name: "history", elements: &rule{members: open(pastMessage, answerMessage...)}},
		{name: "artifacts", elements: &rule{members: answerArtifact}},
		{name: "metadata"},
		{name: "kind", kind: KindID, slot: ownKind},
	}
	statusUpdate = []rule{
		{name: "taskId", kind: KindID, slot: ownTask},
		{name: "contextId", kind: KindID, slot: ownContext},
		{name: "status", slot: ownStatus, members: taskStatus},
		{name: "final", slot: ownFinal},
		{name: "metadata"},
		{name: "kind", kind: KindID, slot: ownKind},
	}
	artifactUpdate = []rule{
		{name: "taskId", kind: KindID, slot: ownTask},
		{name: "contextId", kind: KindID, slot: ownContext},
		{name: "artifact", slot: ownArtifact, members: answerArtifact},
		{name: "append"},
		{name: "lastChunk"},
		{name: "metadata"},
		{name: "kind", kind: KindID, slot: ownKind},
	}
	// streamResponse has one of its members; the result of SendMessage has one of the first two.
	streamResponse = []rule{
		{name: "task", slot: inTaskMember, members: open(taskMember, answerTask...)},
		{name: "message", slot: inMessageMember, members: open(messageMember, answerMessage...)},
		{name: "statusUpdate", slot: inStatusMember, members: open(statusMember, statusUpdate...)},
		{name: "artifactUpdate", slot: inArtifactMember, members: open(artifactMember, artifactUpdate...)},
	}
	eventRules  = union(streamResponse, answerTask, answerMessage, statusUpdate, artifactUpdate)
	answerPush  = opened(pushConfig)
	answerNamed = opened(namedPushConfig)
	pushRules   = union([]rule{{name: "url", kind: KindCallback, slot: inContent}}, answerPush.rules, answerNamed.rules)
	listRules   = []rule{
		{name: "tasks", slot: inContent, elements: &rule{members: open(listedTask, answerTask...)}},
		{name: "totalSize", slot: inTotal},
		{name: "nextPageToken", kind: KindID},
		{name: "pageSize"},
		// The legacy Go SDK of 0.3 has its own method tasks/list, with its own spelling.
		{name: "total_size", slot: inTotal},
		{name: "next_page_token", kind: KindID},
	}
	// otherRules find tasks and cards in what the methods return that A2A does not define, such as those of other versions.
	otherRules = union(answerTask, []rule{
		{name: "supportedInterfaces", slot: ownInterfaces},
		{name: "additionalInterfaces", slot: ownInterfaces},
		{name: "url", slot: ownURL},
		{name: "skills", slot: ownSkills},
		{name: "task", members: open(taskMember, answerTask...)},
		{name: "tasks", elements: &rule{members: open(listedTask, answerTask...)}},
	})
	pushListRules = []rule{
		{name: "configs", slot: inContent, elements: &rule{members: open(noSubject, pushRules...)}},
		{name: "nextPageToken", kind: KindID},
	}
)

// resultForm is what a method returns, bare and as the result of a JSON-RPC response.
type resultForm struct {
	bare, enveloped rule
	// kind is that of any object, where the method alone tells it.
	kind AnswerKind
}

var (
	eventForm    = form(AnswerUnknown, eventResult, nil, eventRules)
	taskForm     = form(AnswerUnknown, taskResult, nil, eventRules)
	listForm     = form(AnswerTaskList, noSubject, nil, listRules)
	pushForm     = form(AnswerPushConfig, noSubject, nil, pushRules)
	pushListForm = form(AnswerPushConfigList, noSubject, &rule{members: open(noSubject, pushRules...)}, pushListRules)
	cardForm     = form(AnswerCard, noSubject, nil, cardRules)
	emptyForm    = form(AnswerUnknown, noSubject, nil, nil)
	otherForm    = form(AnswerUnknown, otherResult, nil, otherRules)
)

func formOf(m Method) *resultForm {
	switch m {
	case SendMessage, SendStreamingMessage, SubscribeToTask:
		return &eventForm
	case GetTask, CancelTask:
		return &taskForm
	case ListTasks:
		return &listForm
	case CreateTaskPushNotificationConfig, GetTaskPushNotificationConfig:
		return &pushForm
	case ListTaskPushNotificationConfigs:
		return &pushListForm
	case GetExtendedAgentCard, GetAgentCard:
		return &cardForm
	case DeleteTaskPushNotificationConfig:
		return &emptyForm
	default:
		return &otherForm
	}
}

// rpcError is the error of a JSON-RPC response, and, with details for data, that of HTTP+JSON.
var (
	rpcError = open(noSubject,
		rule{name: "code", slot: inErrorCode},
		rule{name: "message"},
		rule{name: "data", elements: &rule{members: errorDetail}},
		rule{name: "details", elements: &rule{members: errorDetail}},
		rule{name: "status", kind: KindID},
	)
	errorDetail = open(noSubject, rule{name: "@type", kind: KindID})
)

func form(kind AnswerKind, what subject, elements *rule, rules []rule) resultForm {
	failure := rule{name: "error", slot: inError, members: rpcError}
	// Some servers of 0.3 write google.rpc.Status without the error around it.
	status := []rule{failure, {name: "code", slot: inErrorCode}, {name: "message", slot: inMessageMember}}
	return resultForm{
		kind: kind,
		bare: rule{slot: inResult, elements: elements, members: open(what, union(rules, status)...)},
		enveloped: rule{members: &shape{immediate: true, rules: folded(
			rule{name: "jsonrpc", kind: KindID},
			rule{name: "id", kind: KindID, slot: inRequestID},
			rule{name: "result", slot: inResult, elements: elements, members: open(what, rules...)},
			failure,
		)}},
	}
}

func open(what subject, rs ...rule) *shape {
	return &shape{open: true, subject: what, rules: folded(rs...)}
}

// opened returns a request's shape as it stands in an answer: with open objects and without slots, which are for
// the places of a request.
func opened(s *shape) *shape {
	if s == nil {
		return nil
	}
	rules := slices.Clone(s.rules)
	for i := range rules {
		r := &rules[i]
		r.slot, r.members = noSlot, opened(r.members)
		if r.elements != nil {
			r.elements = &rule{kind: r.elements.kind, members: opened(r.elements.members)}
		}
	}
	return open(noSubject, rules...)
}

// near returns the shape of an answer that has what names near its own have too, and so have the objects in it. To many
// clients in Go, the case of a name is nothing.
func near(s *shape) *shape {
	s.near = true
	for i := range s.rules {
		if s.rules[i].members != nil {
			near(s.rules[i].members)
		}
	}
	return s
}

// union returns all rules, of those with one name the first.
func union(lists ...[]rule) []rule {
	var all []rule
	for _, list := range lists {
		for _, r := range list {
			if !slices.ContainsFunc(all, func(known rule) bool { return known.name == r.name }) {
				all = append(all, r)
			}
		}
	}
	return all
}
