package a2a

import (
	"strings"
)

// maxPath is the longest path with query that is read, in bytes.
const maxPath = 8 << 10

// ParseHTTPJSON reads one request of the HTTP+JSON binding of either generation. The path is relative to the URL
// of the agent's interface and may have a query; the paths of 0.3 start with /v1, which therefore is no tenant.
//
// A path or verb that A2A does not define becomes OtherMethod, with the task id if the path has one, and what could be
// one as Mentions. Paths, queries
// and bodies that servers read in different ways are refused, as are paths, queries and bodies of one request
// that name different tasks or tenants, and a body where the operation has none. Bodies are read as by
// ParseJSONRPC, with the params as the body; where A2A defines a body it may be empty.
func ParseHTTPJSON(verb, path string, body []byte, lim Limits) (Operation, *Problem) {
	if len(path) > maxPath {
		return Operation{}, problem(longPath, HTTPJSON)
	}
	rawPath, query, _ := strings.Cut(path, "?")
	list, ok := segments(rawPath)
	if !ok {
		return Operation{}, problem(badPath, HTTPJSON)
	}
	r, ok := resolve(verb, list)
	if !ok {
		return Operation{}, problem(badPath, HTTPJSON)
	}
	op := Operation{
		Method:     r.method,
		Wire:       r.wire(verb, rawPath),
		Binding:    HTTPJSON,
		Generation: r.generation,
		Tenant:     r.tenant,
		TaskID:     r.task,
	}
	op.Texts = r.texts(list)
	if op.Method == OtherMethod {
		op.mentionsInPath(list)
	}
	if p := op.readQuery(query, r.config); p != nil {
		return Operation{}, p
	}
	if p := op.readBody(verb, body, lim); p != nil {
		return Operation{}, p
	}
	return op, nil
}

// wire names an operation by its template, anything else by its path.
func (r *route) wire(verb, path string) string {
	switch {
	case r.method == OtherMethod:
		return verb + " " + path
	case r.generation == V03:
		return verb + " /v1" + r.template
	case r.tenant != "":
		return verb + " /{tenant}" + r.template
	default:
		return verb + " " + r.template
	}
}

// texts returns what the caller could choose freely in the path.
func (r *route) texts(path []segment) []Text {
	var texts []Text
	if r.method == OtherMethod {
		for _, s := range path {
			texts = append(texts, Text{Value: s.text})
		}
		return texts
	}
	for _, id := range [...]string{r.tenant, r.task, r.config} {
		if id != "" {
			texts = append(texts, Text{Value: id, Kind: KindID})
		}
	}
	return texts
}

// readQuery takes the parameters, whose names are those of the params in the JSON-RPC binding. The config is that of
// the path.
func (op *Operation) readQuery(query, config string) *Problem {
	pairs, ok := queryPairs(query)
	if !ok {
		return op.problem(badQuery)
	}
	var named uint64
	for _, q := range pairs {
		i, exact := params.find([]byte(q.name))
		if op.Method == OtherMethod || i < 0 {
			op.Texts = append(op.Texts, Text{Value: q.name, Key: true}, Text{Value: q.value})
			if i >= 0 && params.rules[i].slot.task() {
				op.mention(q.value)
			}
			continue
		}
		r := &params.rules[i]
		if !exact {
			p := op.problem(misspelledKey)
			p.Key = r.name
			return p
		}
		if named&(1<<i) != 0 {
			return op.problem(badQuery)
		}
		named |= 1 << i
		op.Texts = append(op.Texts, Text{Value: q.value, Kind: r.kind})
		switch r.slot {
		case inTenant:
			if op.Tenant != "" && q.value != "" && q.value != op.Tenant {
				return op.problem(conflict)
			}
			op.Tenant = q.value
		case inContextID:
			op.ContextID = q.value
		case inID, inTaskID, inName, inParent:
			// The path names the task. A server that looks here too could see another one.
			return op.problem(badQuery)
		case inConfigID:
			if config != "" {
				return op.problem(badQuery)
			}
		}
	}
	return nil
}

// readBody takes the fields of the body and checks them against path and query.
func (op *Operation) readBody(verb string, body []byte, lim Limits) *Problem {
	if len(body) == 0 {
		return nil
	}
	if op.Method != OtherMethod && verb != "POST" {
		return op.problem(extraBody)
	}
	s := scanners.Get().(*scanner)
	defer s.release()
	f, offset := s.scan(body, lim, &paramsRoot), -1
	if f != sound {
		offset = s.pos
	} else if s.astray != nil && op.Method != OtherMethod {
		f, offset = misspelledKey, s.astrayAt
	} else if s.misfit && op.Method != OtherMethod {
		f = badName
	}
	if f != sound {
		p := s.refuse(f, offset)
		p.Binding, p.Method = HTTPJSON, op.Method
		return p
	}
	if s.contradicts(op) {
		return op.problem(conflict)
	}
	s.fill(op)
	if s.contradictsItself(op) {
		return op.problem(conflict)
	}
	return nil
}

// contradicts reports whether the body names another tenant than path or query, or another task than the path.
func (s *scanner) contradicts(op *Operation) bool {
	if differs(s.text(inTenant), op.Tenant) {
		return true
	}
	if op.Method == SendMessage || op.Method == SendStreamingMessage || op.Method == OtherMethod {
		return false
	}
	if op.Method != CreateTaskPushNotificationConfig && differs(s.text(inID), op.TaskID) {
		return true
	}
	if differs(s.text(inTaskID), op.TaskID) {
		return true
	}
	// 0.3 names resources by path: tasks/{id}/pushNotificationConfigs/{id}.
	for _, at := range [...]slot{inName, inParent, inConfigName} {
		name, _ := strings.CutPrefix(string(s.text(at)), "tasks/")
		id, _, _ := strings.Cut(name, "/")
		if differs([]byte(id), op.TaskID) {
			return true
		}
	}
	return false
}

func differs(claim []byte, known string) bool {
	return len(claim) > 0 && known != "" && string(claim) != known
}

func (op *Operation) problem(f flaw) *Problem {
	p := problem(f, HTTPJSON)
	p.Method = op.Method
	return p
}
