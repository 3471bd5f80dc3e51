package a2a

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxMentions bounds what is noted of one request, maxMention the length of an id that is.
const (
	maxMentions = 32
	maxMention  = 1 << 10
)

// mention notes what could be the id of a task, also as the resource name of 0.3: tasks/{id}.
func (op *Operation) mention(name string) {
	id := name
	if rest, ok := strings.CutPrefix(name, "tasks/"); ok {
		id, _, _ = strings.Cut(rest, "/")
	}
	if id == "" || id == op.TaskID || len(id) > maxMention || len(op.Mentions) == maxMentions || slices.Contains(op.Mentions, id) {
		return
	}
	op.Mentions = append(op.Mentions, id)
}

// mentionsInPath notes the ids of tasks that a path could hold which is no operation of A2A: a task with a verb that is
// not A2A's.
func (op *Operation) mentionsInPath(path []segment) {
	for i := 1; i < len(path); i++ {
		if !leniently.same(path[i-1], "tasks") {
			continue
		}
		op.mention(path[i].text)
		if colon := strings.LastIndexByte(path[i].text, ':'); colon > 0 {
			op.mention(path[i].text[:colon])
		}
	}
}

// mentions notes the ids that a request has elsewhere than where its method has the task. Servers that know another
// version of A2A would look there.
func (f fields) mentions(op *Operation) {
	for _, at := range [...]slot{inID, inTaskID, inMessageTask, inName, inParent, inConfigName} {
		if at == inID && op.configured() {
			continue
		}
		if v := f.s.values[at]; v.text == 0 && v.end > 0 && f.s.body[v.start]-'0' <= 9 {
			op.mention(string(f.s.body[v.start:v.end]))
		}
		op.mention(f.at(at))
	}
	for _, list := range [...][]int32{f.s.pushTasks, f.s.mentioned} {
		for _, i := range list {
			op.mention(f.texts[i].Value)
		}
	}
	if op.Method == OtherMethod {
		for _, i := range f.s.references {
			op.mention(f.texts[i].Value)
		}
	}
}

// configured reports whether the id in the params is that of a push configuration.
func (op *Operation) configured() bool {
	switch op.Method {
	case CreateTaskPushNotificationConfig, GetTaskPushNotificationConfig, ListTaskPushNotificationConfigs, DeleteTaskPushNotificationConfig:
		return op.Generation != V03 || op.Binding == HTTPJSON
	}
	return false
}

// mentionsInMessage notes what could be an id in a message of which no field is known.
func (op *Operation) mentionsInMessage(texts []Text) {
	for i := range texts {
		if utf8.ValidString(texts[i].Value) {
			op.mention(texts[i].Value)
		}
	}
}
