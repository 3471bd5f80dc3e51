package a2a

import (
	"math"
	"sync"
	"unicode/utf8"
)

// maxDepth bounds the recursion of the scanner whatever the operator configures.
const maxDepth = 1000

// scanner walks one body once. It accepts exactly the JSON texts of RFC 8259 that are also I-JSON (RFC 7493):
// valid UTF-8, no lone surrogates, no duplicate names. It notes strings by offset, so that the state holds no
// pointers into a body and can be reused.
type scanner struct {
	body    []byte
	pos     int
	first   int // offset of the root value
	limit   int // levels allowed
	depth   int // levels left
	members int // members and elements left

	arena      []byte // unescaped forms of the strings that have escapes
	texts      []mark
	values     [slots]value
	extensions []int32 // indexes into texts
	references []int32
	// pushTasks and pushTenants are what the push configurations in a request name.
	pushTasks   []int32
	pushTenants []int32
	// mentioned are the values of names in another spelling, misfit is where a name of a task or a tenant is no string.
	mentioned []int32
	misfit    bool
	keys      keySet
	finding   finding

	// astray is the first defined key that was spelled otherwise in params, with its place. Whether that matters
	// is known only with the method, which may stand behind params.
	astray   *rule
	astrayAt int
}

// span is a string literal: its place in the body, quotes included, and, where it has escapes, its unescaped form
// in the arena.
type span struct{ start, end, from, to int32 }

// mark is a Text to be.
type mark struct {
	span
	kind   Kind
	key    bool
	author Author
	piece  Piece
}

// value is what was found in a slot: its place in the body, and its index in texts plus one if it is a string.
type value struct{ start, end, text int32 }

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// maxRetained is the largest scratch space, in bytes, that goes back to the pool.
const maxRetained = 1 << 22

const (
	markSize = 24
	nameSize = 28
	taskSize = 20
)

func (s *scanner) release() {
	s.body = nil
	if cap(s.arena)+cap(s.texts)*markSize+cap(s.keys.names)*nameSize+cap(s.finding.tasks)*taskSize > maxRetained {
		return
	}
	scanners.Put(s)
}

func (s *scanner) reset(body []byte, lim Limits) {
	s.body, s.pos = body, 0
	s.limit, s.members = min(lim.Depth, maxDepth), lim.Members
	s.depth = s.limit
	s.arena, s.texts = s.arena[:0], s.texts[:0]
	s.extensions, s.references = s.extensions[:0], s.references[:0]
	s.pushTasks, s.pushTenants = s.pushTasks[:0], s.pushTenants[:0]
	s.mentioned, s.misfit = s.mentioned[:0], false
	s.values = [slots]value{}
	s.keys.reset()
	s.finding.reset()
	s.astray = nil
}

// scan reads the whole body as one value under root.
func (s *scanner) scan(body []byte, lim Limits, root *rule) flaw {
	s.reset(body, lim)
	if len(body) > lim.Bytes || len(body) > math.MaxInt32 {
		return tooLarge
	}
	if !utf8.Valid(body) {
		return badEncoding
	}
	s.space()
	s.first = s.pos
	if f := s.value(root); f != sound {
		return f
	}
	if s.space() != 0 || s.pos < len(s.body) {
		return trailingData
	}
	return sound
}

// level returns how many objects and arrays are open.
func (s *scanner) level() int { return s.limit - s.depth }

// space skips white space and returns the next byte, or 0 at the end. A NUL in the body is never valid where
// this is called.
func (s *scanner) space() byte {
	// Most bodies have no white space, and a call costs more than this look.
	if s.pos < len(s.body) {
		if c := s.body[s.pos]; c > ' ' {
			return c
		}
	}
	return s.skip()
}

func (s *scanner) skip() byte {
	b := s.body
	for i := s.pos; i < len(b); i++ {
		switch c := b[i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			s.pos = i
			return c
		}
	}
	s.pos = len(b)
	return 0
}

func (s *scanner) value(r *rule) flaw {
	c := s.space()
	start := s.pos
	var f flaw
	switch c {
	case '"':
		var at span
		if at, f = s.literal(); f == sound {
			s.note(r, at)
		}
	case '{':
		if m := r.members; m != nil && m.subject != noSubject {
			f = s.about(m)
		} else {
			f = s.object(m)
		}
	case '[':
		f = s.array(r.elements)
	case 't':
		f = s.word("true")
	case 'f':
		f = s.word("false")
	case 'n':
		f = s.word("null")
	default:
		f = s.number()
	}
	if r.slot == noSlot || f != sound {
		return f
	}
	if r.slot < slots {
		s.values[r.slot].start, s.values[r.slot].end = int32(start), int32(s.pos)
	}
	if r.slot.names() && c != '"' && c != 'n' && (c != '[' || r.elements == nil) {
		s.misfit = true
	}
	return sound
}

// note records a string value.
func (s *scanner) note(r *rule, at span) {
	s.texts = append(s.texts, mark{span: at, kind: r.kind})
	n := int32(len(s.texts))
	switch r.slot {
	case noSlot:
	case inExtensions:
		s.extensions = append(s.extensions, n-1)
	case inReferences:
		s.references = append(s.references, n-1)
	case inPushTask:
		s.pushTasks = append(s.pushTasks, n-1)
	case inMentions:
		s.mentioned = append(s.mentioned, n-1)
	case inPushTenant:
		s.pushTenants = append(s.pushTenants, n-1)
	default:
		s.values[r.slot].text = n
	}
}

func (s *scanner) object(known *shape) flaw {
	if s.depth--; s.depth < 0 {
		return tooDeep
	}
	s.pos++
	names := s.keys.open()
	c := s.space()
	if c == '}' {
		s.pos++
		s.depth++
		return sound
	}
	for {
		if c != '"' {
			return badSyntax
		}
		if s.members--; s.members < 0 {
			return tooMany
		}
		r, f := s.key(known, &names)
		if f != sound {
			return f
		}
		if s.space() != ':' {
			return badSyntax
		}
		s.pos++
		if f := s.value(r); f != sound {
			return f
		}
		switch s.space() {
		case ',':
			s.pos++
			c = s.space()
		case '}':
			s.pos++
			s.depth++
			return sound
		default:
			return badSyntax
		}
	}
}

// key reads a member name and returns the rule for its value.
func (s *scanner) key(known *shape, names *object) (*rule, flaw) {
	begin := s.pos
	at, f := s.literal()
	if f != sound {
		return nil, f
	}
	name := s.bytes(at)
	var nearly *rule
	if known != nil {
		i, exact := known.find(name)
		if exact {
			if names.defined&(1<<i) != 0 {
				s.pos = begin
				return nil, duplicateKey
			}
			names.defined |= 1 << i
			return &known.rules[i], sound
		}
		if i >= 0 {
			nearly = &known.rules[i]
		}
	}
	if !s.keys.add(s, names, at, name) {
		s.pos = begin
		return nil, duplicateKey
	}
	if nearly != nil && !known.near {
		if s.astray == nil {
			s.astray, s.astrayAt = nearly, begin
		}
		if known.immediate {
			return nil, misspelledKey
		}
	}
	s.texts = append(s.texts, mark{span: at, key: true})
	switch {
	case nearly == nil:
	case known.near:
		return nearly, sound
	case nearly.slot.task():
		return &astrayName, sound
	}
	if known != nil && known.others != nil {
		return known.others, sound
	}
	return &free, sound
}

func (s *scanner) array(elements *rule) flaw {
	if s.depth--; s.depth < 0 {
		return tooDeep
	}
	if elements == nil {
		elements = &free
	}
	s.pos++
	if s.space() == ']' {
		s.pos++
		s.depth++
		return sound
	}
	for {
		if s.members--; s.members < 0 {
			return tooMany
		}
		if f := s.value(elements); f != sound {
			return f
		}
		switch s.space() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			s.depth++
			return sound
		default:
			return badSyntax
		}
	}
}

func (s *scanner) word(w string) flaw {
	if len(s.body)-s.pos < len(w) || string(s.body[s.pos:s.pos+len(w)]) != w {
		return badSyntax
	}
	s.pos += len(w)
	return sound
}

// number reads a number by the grammar of RFC 8259, section 6. A byte that starts no value ends here too.
func (s *scanner) number() flaw {
	b, i := s.body, s.pos
	if i < len(b) && b[i] == '-' {
		i++
	}
	lead := i
	i = digits(b, i)
	if i == lead || b[lead] == '0' && i > lead+1 {
		return badSyntax
	}
	if i < len(b) && b[i] == '.' {
		fraction := i + 1
		if i = digits(b, fraction); i == fraction {
			return badSyntax
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(b, exponent); i == exponent {
			return badSyntax
		}
	}
	s.pos = i
	return sound
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
