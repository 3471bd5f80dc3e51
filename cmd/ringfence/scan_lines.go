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
	// keptLine is the longest line whose memory is kept for the next one.
	keptLine = 1 << 20
)

// scanLine is one line of input.
type scanLine struct {
	ID   jsontext.Value `json:"id"`
	Text *string        `json:"text"`
	Kind string         `json:"kind"`
	Ring *int           `json:"ring"`
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
	errNoText   = errors.New(`a line must be a JSON object with the member "text", a string`)
	errLineKind = errors.New("kind must be request, response or card")
	errLongLine = fmt.Errorf("the line is longer than %d bytes", maxLine)
)

// lineScan answers lines one by one. Its buffers are used again.
type lineScan struct {
	judge    scanJudge
	side     scanSide
	redacted bool
	line     []byte
	out      []byte
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
			s.line = bytes.TrimPrefix(s.line, []byte("\ufeff"))
		}
		if long || len(bytes.TrimSpace(s.line)) > 0 {
			s.answer(long)
			if _, err := w.Write(s.out); err != nil {
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

// answer makes the line of output for the line of input.
func (s *lineScan) answer(long bool) {
	var line scanLine
	err := errLongLine
	if !long {
		err = json.Unmarshal(s.line, &line, jsontext.AllowInvalidUTF8(true))
		var malformed *jsontext.SyntacticError
		switch {
		case errors.As(err, &malformed):
			err = fmt.Errorf("no JSON: %w", malformed.Err)
		case err != nil || line.Text == nil:
			err = errNoText
		}
	}
	side := s.side
	if err == nil {
		side, err = line.side(s.side)
	}
	s.out = append(s.out[:0], '{')
	if len(line.ID) > 0 && !long {
		s.out = append(append(append(s.out, `"id":`...), line.ID...), ',')
	}
	if err != nil {
		s.tally.refused++
		s.out = append(appendMember(s.out, "error", err.Error()), "}\n"...)
		return
	}
	s.texts[0] = a2a.Text{Value: *line.Text, Kind: a2a.KindText}
	v := s.judge.judge(s.texts[:], side)
	s.tally.texts++
	s.tally.verdicts[v.verdict]++
	s.out = append(appendMember(s.out, "verdict", v.verdict.String()), `,"findings":[`...)
	for i, f := range v.findings {
		if i > 0 {
			s.out = append(s.out, ',')
		}
		s.out = appendFinding(s.out, f, s.texts[:])
	}
	s.out = append(s.out, "]}\n"...)
}

// side returns what the line says of its side, and the other for what it does not say.
func (l *scanLine) side(other scanSide) (scanSide, error) {
	if l.Kind != "" {
		d, ok := inspect.ParseDirection(l.Kind)
		if !ok {
			return other, errLineKind
		}
		other.direction = d
	}
	if l.Ring != nil {
		ring, err := agent.RingFromNumber(*l.Ring)
		if err != nil {
			return other, err
		}
		other.ring = ring
	}
	return other, nil
}
