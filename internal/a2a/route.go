package a2a

import "strings"

// route is what verb and path of a request say.
type route struct {
	method     Method
	generation Generation
	template   string
	tenant     string
	task       string
	config     string
}

// endpoint is one operation of the HTTP+JSON binding. The generation is that of the only generation which has it,
// or unknown when both have it.
type endpoint struct {
	verb, template string
	method         Method
	generation     Generation
}

var endpoints = [...]endpoint{
	{"POST", "/message:send", SendMessage, GenerationUnknown},
	{"POST", "/message:stream", SendStreamingMessage, GenerationUnknown},
	{"GET", "/tasks", ListTasks, GenerationUnknown},
	{"GET", "/tasks/{id}", GetTask, GenerationUnknown},
	{"POST", "/tasks/{id}:cancel", CancelTask, GenerationUnknown},
	// The proto of A2A says GET, its prose POST, and clients send both.
	{"GET", "/tasks/{id}:subscribe", SubscribeToTask, GenerationUnknown},
	{"POST", "/tasks/{id}:subscribe", SubscribeToTask, GenerationUnknown},
	{"POST", "/tasks/{id}/pushNotificationConfigs", CreateTaskPushNotificationConfig, GenerationUnknown},
	{"GET", "/tasks/{id}/pushNotificationConfigs", ListTaskPushNotificationConfigs, GenerationUnknown},
	{"GET", "/tasks/{id}/pushNotificationConfigs/{config}", GetTaskPushNotificationConfig, GenerationUnknown},
	{"DELETE", "/tasks/{id}/pushNotificationConfigs/{config}", DeleteTaskPushNotificationConfig, GenerationUnknown},
	{"GET", "/extendedAgentCard", GetExtendedAgentCard, V10},
	{"GET", "/card", GetExtendedAgentCard, V03},
	{"GET", "/.well-known/agent-card.json", GetAgentCard, GenerationUnknown},
	// Where generations before 0.3 have the card.
	{"GET", "/.well-known/agent.json", GetAgentCard, GenerationUnknown},
}

// verbSuffixes end a task segment that asks for more than the task.
var verbSuffixes = [...]string{":cancel", ":subscribe"}

// reading is how literally a server takes a path: strictly as A2A spells it, or, as some routers do, without
// regard to case and after decoding.
type reading uint8

const (
	exactly reading = iota
	leniently
)

func (r reading) same(s segment, word string) bool {
	if r == exactly {
		return s.raw == word
	}
	return strings.EqualFold(s.text, word)
}

// cut splits the verb suffix off a task segment.
func (r reading) cut(s segment) (id, suffix string) {
	for _, v := range verbSuffixes {
		n := len(s.text) - len(v)
		if n < 0 || !strings.EqualFold(s.text[n:], v) {
			continue
		}
		if r == leniently || strings.HasSuffix(s.raw, v) {
			return s.text[:n], v
		}
	}
	return s.text, ""
}

// resolve returns the route of a request. It reports false when servers could resolve the path to different
// routes: a task called as a route below a tenant "tasks" would be, or a spelling only lenient routers accept.
func resolve(verb string, path []segment) (route, bool) {
	var found route
	for _, r := range [...]reading{exactly, leniently} {
		for _, tenanted := range [...]bool{false, true} {
			got, ok := r.match(verb, path, tenanted)
			if !ok || got == found {
				continue
			}
			if found.method != "" || r == leniently {
				return route{}, false
			}
			found = got
		}
	}
	if found.method == "" {
		found = route{method: OtherMethod, task: leniently.task(path)}
	}
	return found, true
}

// match finds the endpoint for a path, below a tenant segment if so asked. A path that starts with the prefix of
// 0.3 has no tenant: that generation knows none.
func (r reading) match(verb string, path []segment, tenanted bool) (route, bool) {
	found := route{generation: V10}
	switch {
	case tenanted && len(path) < 2:
		return route{}, false
	case len(path) > 0 && r.same(path[0], "v1"):
		found.generation, path = V03, path[1:]
	case tenanted:
		found.tenant, path = path[0].text, path[1:]
	}
	template := r.template(path, &found)
	if template == "" {
		return route{}, false
	}
	for i := range endpoints {
		e := &endpoints[i]
		if e.template != template || e.verb != verb {
			continue
		}
		if e.generation != GenerationUnknown && e.generation != found.generation {
			continue
		}
		found.method, found.template = e.method, e.template
		if e.method == GetAgentCard {
			found.generation = GenerationUnknown
		}
		return found, true
	}
	return route{}, false
}

// template returns the template of a path and notes its ids, or returns "" when the path has no known form.
func (r reading) template(path []segment, found *route) string {
	switch len(path) {
	case 1:
		for i := range endpoints {
			if t := endpoints[i].template; r.same(path[0], t[1:]) {
				return t
			}
		}
		return ""
	case 2:
		for _, name := range [...]string{"agent-card.json", "agent.json"} {
			if r.same(path[0], ".well-known") && r.same(path[1], name) {
				return "/.well-known/" + name
			}
		}
	case 3, 4:
		if !r.same(path[2], "pushNotificationConfigs") {
			return ""
		}
	default:
		return ""
	}
	if !r.same(path[0], "tasks") {
		return ""
	}
	switch len(path) {
	case 2:
		id, suffix := r.cut(path[1])
		if found.task = id; id == "" {
			return ""
		}
		return "/tasks/{id}" + suffix
	case 3:
		found.task = path[1].text
		return "/tasks/{id}/pushNotificationConfigs"
	default:
		found.task, found.config = path[1].text, path[3].text
		return "/tasks/{id}/pushNotificationConfigs/{config}"
	}
}

// task returns the whole task segment of a path that has one but is no operation, such as an unknown verb on a
// task.
func (r reading) task(path []segment) string {
	for i := 0; i+1 < len(path); i++ {
		if r.same(path[i], "tasks") {
			return path[i+1].text
		}
	}
	return ""
}
