package a2a

import (
	"bytes"
	"errors"
	"unicode"
)

// The errors that end a stream of events.
var (
	// ErrEventTooLarge is an event larger than allowed.
	ErrEventTooLarge = errors.New("an event of the stream is larger than allowed")
	// ErrEventAmbiguous is a line that only some clients take for data.
	ErrEventAmbiguous = errors.New("a line of the stream is data to some clients and nothing to others")
)

// Event is a run of a stream's bytes: one complete event with the blank line that ends it, or what stands between
// events. Its slices are valid until the next call of a method of Events.
type Event struct {
	// Raw are the bytes as they came. The Raw of all events of a stream, one behind the other, are the stream.
	Raw []byte
	// Data is what a client is told: the values of all data fields, joined by line feeds.
	Data []byte
	// Name is the value of the last event field; none counts as message.
	Name []byte
	// Aside are the lines that are no data: comments and all other fields, but for those that say nothing.
	Aside []byte
	// Told says that clients take Raw for an event. Otherwise it is made of comments, blank lines and fields without
	// data, and Data is empty.
	Told bool
}

// Events splits an event stream (HTML Living Standard, section 9.2.6) that comes in chunks cut anywhere into events
// that can be passed on, left out or replaced one by one. An event is returned as soon as its blank line is there,
// what stands between events as soon as its line is. It starts no goroutines, and keeps no more of the stream than
// one event may have and the last chunk. The zero value accepts no event.
//
// Where lines end in CR LF, the LF that belongs to a blank line comes after the event, as something between events:
// the event is complete without it.
type Events struct {
	limit  int
	window // from the start of an event or a line between events

	begun    bool // the place of a byte order mark is behind us
	line     int  // where the current line starts in the window
	seen     int  // up to where the current line has no end
	lf       int  // the first LF at or behind line, the end of the window if there is none; -1 if that is not known
	afterCR  bool // an LF at line belongs to the line before
	inside   bool // the window starts with an event
	dataRows int
	data     Span   // the value of the first data field
	name     Span   // the value of the last event field
	joined   []byte // the values of all data fields if there are several
	aside    []byte // the lines that are no data
	err      error
}

// NewEvents returns a splitter of events that have at most limit bytes each, as they stand in the stream.
func NewEvents(limit int) *Events { return &Events{limit: min(limit, maxEvent)} }

// maxEvent bounds an event whatever the caller configures, so that places in it fit a Span.
const maxEvent = 1 << 30

// Feed appends a chunk to the stream. The chunk must stay as it is until Next has returned false.
func (e *Events) Feed(chunk []byte) {
	if e.err == nil {
		e.feed(chunk)
		e.lf = -1
	}
}

// Waiting returns how many bytes wait for the end of their event or line.
func (e *Events) Waiting() int { return len(e.rest) }

// Next returns the next run of bytes, or false when it is not complete yet. The error is ErrEventTooLarge once an
// event is, ErrEventAmbiguous once a line is; nothing of the event is returned, and the error stays.
func (e *Events) Next() (Event, bool, error) {
	if e.mark() {
		return e.event(), true, nil
	}
	for e.begun && e.err == nil {
		if e.afterCR {
			if e.line == len(e.rest) {
				break
			}
			e.afterCR = false
			if e.rest[e.line] == '\n' {
				e.advance(e.line + 1)
				if !e.inside {
					return e.event(), true, nil
				}
			}
		}
		end, ok := e.lineEnd()
		if !ok {
			break
		}
		start := e.line
		e.afterCR = e.rest[end] == '\r'
		e.advance(end + 1)
		if e.line > e.limit {
			break
		}
		if start == end {
			return e.event(), true, nil
		}
		if comment := !e.inside && e.rest[start] == ':'; !comment {
			e.field(start, end)
		} else if e.besides(start, end); e.err == nil {
			return e.event(), true, nil
		}
	}
	if e.err == nil && len(e.rest) > e.limit {
		e.err = ErrEventTooLarge
		e.window, e.joined, e.aside = window{}, nil, nil
	}
	e.keep()
	return Event{}, false, e.err
}

// Rest returns what is left when the stream has ended: nothing, or an event without its blank line. Clients differ in
// whether they take that for an event; Told and Data are those of the clients which do. The error is that of Next.
func (e *Events) Rest() (Event, error) {
	if e.err == nil && e.line < len(e.rest) {
		e.field(e.line, len(e.rest))
	}
	if e.err != nil {
		return Event{}, e.err
	}
	e.line = len(e.rest)
	return e.event(), nil
}

const byteOrderMark = "\uFEFF"

// mark looks for a byte order mark where the stream begins, and reports true with the line behind it.
func (e *Events) mark() bool {
	if e.begun {
		return false
	}
	if n := min(len(e.rest), len(byteOrderMark)); string(e.rest[:n]) != byteOrderMark[:n] {
		e.begun = true
	} else if n == len(byteOrderMark) {
		e.begun = true
		e.advance(n)
		return true
	}
	return false
}

func (e *Events) advance(to int) { e.line, e.seen = to, to }

// lineEnd returns where the CR or LF is that ends the current line.
func (e *Events) lineEnd() (int, bool) {
	w := e.rest
	if e.lf < e.line {
		e.lf = indexByte(w, e.seen, len(w), '\n')
	}
	end := indexByte(w, e.seen, e.lf, '\r')
	e.seen = end
	return end, end < len(w)
}

// indexByte returns where c is first in b[from:to], or to.
func indexByte(b []byte, from, to int, c byte) int {
	if i := bytes.IndexByte(b[from:to], c); i >= 0 {
		return from + i
	}
	return to
}

// field reads the line from start to end as one of an event.
func (e *Events) field(start, end int) {
	e.inside = true
	colon := indexByte(e.rest, start, end, ':')
	value := Span{int32(min(colon+1, end)), int32(end)}
	if value.Start < value.End && e.rest[value.Start] == ' ' {
		value.Start++
	}
	switch string(e.rest[start:colon]) {
	case "event":
		e.name = value
	case "data":
		switch e.dataRows++; e.dataRows {
		case 1:
			e.data = value
			return
		case 2:
			e.joined = append(e.joined[:0], e.in(e.data)...)
		}
		e.joined = append(append(e.joined, '\n'), e.in(value)...)
		return
	}
	e.besides(start, end)
}

// besides notes a line that is no data. Clients that look for lines by themselves end them at more characters than the
// standard does, or ignore white space before them; others do not know that it is a stream at all, and read JSON. To
// them, such a line must not hold data either.
func (e *Events) besides(start, end int) {
	line := e.rest[start:end]
	name := bytes.TrimFunc(cutColon(line), blurred)
	if bytes.ContainsFunc(line, breaks) || bytes.EqualFold(name, dataField) || len(name) > 0 && (name[0] == '{' || name[0] == '[') {
		e.err = ErrEventAmbiguous
		return
	}
	if len(e.aside) > 0 {
		e.aside = append(e.aside, '\n')
	}
	e.aside = append(e.aside, line...)
}

var dataField = []byte("data")

func cutColon(line []byte) []byte {
	name, _, _ := bytes.Cut(line, []byte{':'})
	return name
}

// breaks reports whether the character ends a line for Unicode (section 5.8) or for Python.
func breaks(c rune) bool {
	switch c {
	case 0, '\v', '\f', 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

// blurred reports whether some clients see nothing where the character stands.
func blurred(c rune) bool { return c <= ' ' || c == '\uFEFF' || c == '\u200B' || unicode.IsSpace(c) }

func (e *Events) in(s Span) []byte { return e.rest[s.Start:s.End] }

// event returns the window up to the current line and starts anew behind it.
func (e *Events) event() Event {
	n := e.line
	event := Event{Told: e.dataRows > 0, Aside: e.aside}
	e.aside = e.aside[:0]
	if event.Told {
		event.Name, event.Data = e.in(e.name), e.in(e.data)
		if e.dataRows > 1 {
			event.Data = e.joined
		}
	}
	event.Raw = e.take(n)
	e.advance(0)
	if e.lf >= 0 {
		e.lf = max(e.lf-n, -1)
	}
	e.inside, e.dataRows, e.data, e.name = false, 0, Span{}, Span{}
	return event
}
