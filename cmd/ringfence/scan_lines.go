package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/inspect"
)

const (
	// maxLine is the longest line, in bytes: a text of 1 MiB, each byte of it escaped, and room for the rest.
	maxLine = 7 << 20
	// byteOrderMark is what some programs write in front of a file.
	byteOrderMark = "\ufeff"
	// keptLine is the longest line whose memory is kept for the next one.
	keptLine = 1 << 20
)

// scanLine is one line of input.
type scanLine struct {
	ID    jsontext.Value `json:"id"`
	Text  *string        `json:"text"`
	Kind  string         `json:"kind"`
	Ring  *int           `json:"ring"`
	Place string         `json:"place"`
	Key   bool           `json:"key"`
}

// scanRefusal takes the place of the verdict on a line that cannot be judged.
type scanRefusal struct {
	ID    jsontext.Value `json:"id,omitzero"`
	Error string         `json:"error"`
}

// scanTally counts what was answered, by verdict.
type scanTally struct {
	texts, refused int
	verdicts       [inspect.Pass + 1]int
}

// orWorse returns how many verdicts let as little through as the action, or less.
func (t scanTally) orWorse(a inspect.Action) int {
	n := 0
	for v := inspect.Block; v <= a; v++ {
		n += t.verdicts[v]
	}
	return n
}

var (
	errNoText    = errors.New(`a line must be a JSON object with the member "text", a string; kind, ring, place and key are optional`)
	errLineKind  = errors.New("kind must be request, response or card")
	errLinePlace = errors.New("place must be text, free, name, media, url, callback, bytes, secret or id")
	errLongLine  = fmt.Errorf("the line is longer than %d bytes", maxLine)
)

// lineScan answers lines one by one. Its buffers are used again.
type lineScan struct {
	judge    scanJudge
	side     scanSide
	redacted bool
	line     []byte
	texts    [1]a2a.Text
	tally    scanTally
}

// run answers each line of in by one on out. What has been answered is written whenever there is nothing more to read at
// once, so that a program may ask line by line.
func (s *lineScan) run(in io.Reader, out io.Writer) error {
	r, w := bufio.NewReaderSize(in, 64<<10), bufio.NewWriterSize(out, 64<<10)
	for first := true; ; first = false {
		long, err := s.read(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(fmt.Errorf("reading lines: %w", err), w.Flush())
		}
		if first {
			s.line = bytes.TrimPrefix(s.line, []byte(byteOrderMark))
		}
		if long || len(bytes.TrimSpace(s.line)) > 0 {
			if err := s.write(w, long); err != nil {
				return fmt.Errorf("writing verdicts: %w", err)
			}
		}
		if err != nil || r.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return fmt.Errorf("writing verdicts: %w", err)
			}
		}
		if err != nil {
			return nil
		}
	}
}

// read takes the next line. A line that is too long is read to its end and not kept.
func (s *lineScan) read(r *bufio.Reader) (long bool, err error) {
	if cap(s.line) > keptLine {
		s.line = nil
	}
	s.line = s.line[:0]
	for {
		piece, err := r.ReadSlice('\n')
		if long = long || len(s.line)+len(piece) > maxLine; !long {
			s.line = append(s.line, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return long, err
		}
	}
}

// write answers the line that was read.
func (s *lineScan) write(w *bufio.Writer, long bool) error {
	var line scanLine
	var answer any
	side, err := s.side, errLongLine
	if !long {
		side, err = line.read(s.line, s.side, &s.texts[0])
	}
	if err != nil {
		s.tally.refused++
		answer = scanRefusal{line.ID, err.Error()}
	} else {
		v := s.judge.judge(s.texts[:], side)
		s.tally.texts++
		s.tally.verdicts[v.action]++
		v.ID = line.ID
		if s.redacted && v.action == inspect.Redact {
			if left, ok := s.judge.redacted(&v, s.texts[:], side); ok {
				v.Redacted = &left
			}
		}
		answer = &v
	}
	if err := json.MarshalWrite(w, answer, jsontext.AllowInvalidUTF8(true)); err != nil {
		return err
	}
	return w.WriteByte('\n')
}

// read takes a line apart, and returns its side: the other one for what it does not say.
func (l *scanLine) read(line []byte, other scanSide, t *a2a.Text) (scanSide, error) {
	err := json.Unmarshal(line, l, jsontext.AllowInvalidUTF8(true))
	var malformed *jsontext.SyntacticError
	switch {
	case errors.As(err, &malformed):
		return other, fmt.Errorf("no JSON: %w", malformed.Err)
	case err != nil || l.Text == nil:
		return other, errNoText
	}
	*t = a2a.Text{Value: *l.Text, Kind: a2a.KindText, Key: l.Key}
	if l.Place != "" {
		var ok bool
		if t.Kind, ok = inspect.ParseKind(l.Place); !ok {
			return other, errLinePlace
		}
	}
	if l.Kind != "" {
		var ok bool
		if other.direction, ok = inspect.ParseDirection(l.Kind); !ok {
			return other, errLineKind
		}
	}
	if l.Ring != nil {
		if other.ring, err = agent.RingFromNumber(*l.Ring); err != nil {
			return other, err
		}
	}
	return other, nil
}
