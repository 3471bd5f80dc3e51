package a2a

import "strings"

// ParseJSONRPC reads body as one JSON-RPC 2.0 request of either generation.
//
// It refuses what servers read in different ways: batches, duplicate names, names that differ from A2A's own in
// case or separators only, trailing data, text that is not Unicode; and what exceeds lim. Params that A2A would
// call invalid pass, with the fields left empty that have another type: they are the agent's to answer. But a name of a
// task or a tenant that is no string is refused, as some servers make a string of it. A method that A2A does not define
// becomes OtherMethod; its params have no defined names, so that nothing but Mentions and Texts is taken from them.
func ParseJSONRPC(body []byte, lim Limits) (Operation, *Problem) {
	s := scanners.Get().(*scanner)
	defer s.release()
	if f := s.scan(body, lim, &jsonrpcRoot); f != sound {
		return Operation{}, s.refuse(f, s.pos)
	}
	if f := s.framing(); f != sound {
		return Operation{}, s.refuse(f, -1)
	}
	w := s.wireMethod()
	if s.astray != nil && w.method != OtherMethod {
		return Operation{}, s.refuse(misspelledKey, s.astrayAt)
	}
	if s.misfit && w.method != OtherMethod {
		return Operation{}, s.refuse(badName, -1)
	}
	op := Operation{
		Method:     w.method,
		Wire:       w.wire,
		Binding:    JSONRPC,
		Generation: w.generation,
		RequestID:  s.requestID(),
	}
	s.fill(&op)
	if s.contradictsItself(&op) {
		return Operation{}, s.refuse(conflict, -1)
	}
	return op, nil
}

// contradictsItself reports whether a push configuration in the request is for another task or tenant than the request:
// a server that goes by it would send one task's events to whom another was entrusted.
func (s *scanner) contradictsItself(op *Operation) bool {
	if op.Method == OtherMethod {
		return false
	}
	for _, i := range s.pushTasks {
		if task := s.bytes(s.texts[i].span); len(task) > 0 && string(task) != op.TaskID {
			return true
		}
	}
	for _, i := range s.pushTenants {
		if tenant := s.bytes(s.texts[i].span); len(tenant) > 0 && string(tenant) != op.Tenant {
			return true
		}
	}
	return false
}

// framing checks the envelope of a sound body. The id comes first, so that every later refusal can echo it.
func (s *scanner) framing() flaw {
	switch first := s.body[s.first]; {
	case first == '[':
		return batch
	case first != '{':
		return notObject
	case !s.startsWith(inRequestID, idStarts):
		return badID
	case string(s.text(inVersion)) != "2.0":
		return badVersion
	case len(s.text(inMethod)) == 0:
		return badMethod
	case !s.startsWith(inParams, "{n"):
		return badParams
	}
	return sound
}

// idStarts are the bytes with which a string, a number and null start.
const idStarts = `"-0123456789n`

// startsWith reports whether the value in the slot, if there is one, starts with one of the bytes.
func (s *scanner) startsWith(at slot, bytes string) bool {
	v := s.values[at]
	return v.end == 0 || strings.IndexByte(bytes, s.body[v.start]) >= 0
}

// text returns the string in the slot, or nil.
func (s *scanner) text(at slot) []byte {
	v := s.values[at]
	if v.text == 0 {
		return nil
	}
	return s.bytes(s.texts[v.text-1].span)
}

func (s *scanner) requestID() []byte {
	v := s.values[inRequestID]
	if v.end == 0 || !s.startsWith(inRequestID, idStarts) {
		return nil
	}
	return s.body[v.start:v.end:v.end]
}

func (s *scanner) wireMethod() wireMethod {
	wire := s.text(inMethod)
	if w, ok := wireMethods[string(wire)]; ok {
		return w
	}
	return wireMethod{wire: string(wire), method: OtherMethod}
}

// refuse returns the problem with what was read before it. An id that stands twice is not echoed.
func (s *scanner) refuse(f flaw, offset int) *Problem {
	p := problem(f, JSONRPC)
	p.Offset = offset
	p.RequestID = s.requestID()
	if len(s.text(inMethod)) > 0 {
		p.Method = s.wireMethod().method
	}
	switch f {
	case misspelledKey:
		p.Key = s.astray.name
	case tooLarge, badEncoding:
		p.Offset = -1
	case duplicateKey:
		if again, _ := s.literal(); s.level() == 1 && string(s.bytes(again)) == "id" {
			p.RequestID = nil
		}
	}
	return p
}
