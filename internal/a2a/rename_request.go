package a2a

import (
	"slices"
	"strings"
)

// renameInParams returns the body of a request with other ids of tasks, or nil for one that cannot be read.
func renameInParams(body []byte, root *rule, op *Operation, names map[string]string) []byte {
	s := scanners.Get().(*scanner)
	defer s.release()
	if s.scan(body, ownLimits(body), root) != sound {
		return nil
	}
	return s.rename(s.taskTexts(op), names)
}

// taskTexts returns which texts of a request name tasks.
func (s *scanner) taskTexts(op *Operation) []int32 {
	at := slices.Concat(s.references, s.pushTasks)
	for _, slot := range [...]slot{inID, inTaskID, inMessageTask, inName, inParent, inConfigName} {
		if slot == inID && op.configured() {
			continue
		}
		if i := s.values[slot].text; i > 0 {
			at = append(at, i-1)
		}
	}
	return at
}

// rename returns the body with other ids in the texts, all else byte for byte.
func (s *scanner) rename(texts []int32, names map[string]string) []byte {
	slices.Sort(texts)
	var out []byte
	from := int32(0)
	for _, i := range texts {
		at := s.texts[i].span
		to, ok := renamed(string(s.bytes(at)), names)
		if !ok {
			continue
		}
		out = append(out, s.body[from:at.start]...)
		out = appendString(out, to)
		from = at.end
	}
	if from == 0 {
		return s.body
	}
	return append(out, s.body[from:]...)
}

// renameInPath returns the path, with its query, with another id in the segment that names the task.
func renameInPath(verb, path string, names map[string]string) string {
	raw, query, asked := strings.Cut(path, "?")
	list, ok := segments(raw)
	if !ok {
		return ""
	}
	r, ok := resolve(verb, list)
	to, other := renamed(r.task, names)
	if !ok || !other {
		return path
	}
	at := 1
	if r.generation == V03 || r.tenant != "" {
		at = 2
	}
	var b strings.Builder
	for i, s := range list {
		b.WriteByte('/')
		if i != at {
			b.WriteString(s.raw)
			continue
		}
		writeSegment(&b, to)
		if _, suffix := exactly.cut(s); len(list) == at+1 {
			b.WriteString(suffix)
		}
	}
	if asked {
		b.WriteByte('?')
		b.WriteString(query)
	}
	return b.String()
}

// writeSegment writes an id as part of a path, of which only what no router touches stands for itself.
func writeSegment(b *strings.Builder, id string) {
	const hexUpper = "0123456789ABCDEF"
	for i := range len(id) {
		c := id[i]
		if alphanumeric(c) || strings.IndexByte("-._~:", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexUpper[c>>4])
		b.WriteByte(hexUpper[c&15])
	}
}
