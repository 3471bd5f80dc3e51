package a2a

// The objects of answers by where they name tasks: each such text is a mention.
var (
	namingMessage = open(
		noSubject,
		rule{name: "taskId", slot: inMentions},
		rule{name: "referenceTaskIds", elements: &rule{slot: inMentions}},
	)
	// The proto of 0.3 names the field update and its JSON form message.
	namingStatus = open(
		noSubject,
		rule{name: "message", members: namingMessage},
		rule{name: "update", members: namingMessage},
	)
	namingTask = []rule{
		{name: "id", slot: inMentions},
		{name: "status", members: namingStatus},
		{name: "history", elements: &rule{members: namingMessage}},
	}
	namingUpdate = []rule{
		{name: "taskId", slot: inMentions},
		{name: "status", members: namingStatus},
	}
	// namingEvent is what sends, reads, streams and lists return, with or without a member around it.
	namingEvent = form(AnswerUnknown, noSubject, nil, union(
		namingTask, namingUpdate, namingMessage.rules,
		[]rule{
			{name: "task", members: open(noSubject, namingTask...)},
			{name: "message", members: namingMessage},
			{name: "statusUpdate", members: open(noSubject, namingUpdate...)},
			{name: "artifactUpdate", members: open(noSubject, namingUpdate...)},
			{name: "tasks", elements: &rule{members: open(noSubject, namingTask...)}},
		},
	))
	// The id of a push configuration is its own.
	namingConfig = []rule{
		{name: "taskId", slot: inMentions},
		{name: "name", slot: inMentions},
		{name: "pushNotificationConfig", members: open(noSubject, rule{name: "taskId", slot: inMentions})},
	}
	namingPush = form(AnswerUnknown, noSubject, &rule{members: open(noSubject, namingConfig...)}, union(
		namingConfig,
		[]rule{{name: "configs", elements: &rule{members: open(noSubject, namingConfig...)}}},
	))
)

// RenameAnswered returns what was answered to op with the ids of tasks replaced for which names has others, all else byte
// for byte: a whole JSON body, the data of an event or a gRPC message without its prefix. Ids count where the protocol
// has them: in tasks, updates, messages and their references, in the history, in lists and in push configurations; never
// in texts, data, metadata or errors. Answers to methods that A2A does not define, and cards, name none.
//
// The answer must have been read before; one that cannot be is returned as it is.
func RenameAnswered(op Operation, unit []byte, names map[string]string) []byte {
	naming := &namingEvent
	switch op.Method {
	case SendMessage, SendStreamingMessage, SubscribeToTask, GetTask, CancelTask, ListTasks:
	case CreateTaskPushNotificationConfig, GetTaskPushNotificationConfig, ListTaskPushNotificationConfigs:
		naming = &namingPush
	default:
		return unit
	}
	root := &naming.bare
	switch op.Binding {
	case GRPC:
		if call := grpcCalls[op.Wire]; call != nil {
			unit, _ = call.answer.rename(unit, names)
		}
		return unit
	case JSONRPC:
		root = &naming.enveloped
	case HTTPJSON:
	default:
		return unit
	}
	s := scanners.Get().(*scanner)
	defer s.release()
	if s.scan(unit, ownLimits(unit), root) != sound {
		return unit
	}
	return s.rename(s.mentioned, names)
}
