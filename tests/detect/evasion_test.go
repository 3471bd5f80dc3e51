package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/tests/detect/evasion"
)

var (
	loadShipped = sync.OnceValues(func() (filter, error) { return newFilter("") })
	readOwn     = sync.OnceValues(func() ([]sample, error) { return readSets([]string{"sets"}) })
)

// own returns the rules that ship and the repository's own sets.
func own(t *testing.T) (filter, []sample) {
	t.Helper()
	if raceDetector {
		t.Skip("millions of scans by one goroutine each have no races, and take minutes")
	}
	f, err := loadShipped()
	if err != nil {
		t.Fatal(err)
	}
	samples, err := readOwn()
	if err != nil {
		t.Fatal(err)
	}
	return f, samples
}

// TestOwnSets holds the rules that ship to the marks, on the repository's own sets.
func TestOwnSets(t *testing.T) {
	t.Parallel()
	f, samples := own(t)
	m := measure(f, samples, ticking())
	misses := m.misses()
	for _, one := range misses {
		one.tell(t)
	}
	for mark := range gaps {
		recall := strings.HasPrefix(mark, "recall of ") || strings.HasPrefix(mark, "benign ")
		if recall && !slices.ContainsFunc(misses, func(one miss) bool { return one.mark == mark }) {
			t.Errorf("the gap %q is closed", mark)
		}
	}
}

// tell fails the test if the mark is missed by more than is known.
func (m miss) tell(t *testing.T) {
	t.Helper()
	if m.known() {
		t.Log(m.sentence)
		return
	}
	t.Error(m.sentence)
}

// TestDisguises holds that a disguise hides few attacks, that it makes few benign texts attacks, and that an attack is
// found no longer when it is none any more.
func TestDisguises(t *testing.T) {
	t.Parallel()
	f, samples := own(t)
	before := f.stopped(samples)
	for _, transform := range evasion.Transforms() {
		t.Run(transform.Name, func(t *testing.T) {
			t.Parallel()
			l := lose(f, samples, before, transform)
			if l.Lost.Of == 0 {
				t.Error("there is no attack that it disguises")
			}
			misses := l.misses()
			for _, one := range misses {
				one.tell(t)
			}
			for _, kind := range []string{" hides", " stops", " kept"} {
				if _, gap := gaps[l.Name+kind]; gap && !slices.ContainsFunc(misses, func(one miss) bool { return one.mark == l.Name+kind }) {
					t.Errorf("the gap %q is closed", l.Name+kind)
				}
			}
			for _, line := range l.lines {
				if t.Failed() {
					t.Log(line)
				}
			}
		})
	}
}

// TestStreams holds that an attack is found of which an earlier piece of a stream has the beginning.
func TestStreams(t *testing.T) {
	t.Parallel()
	f, samples := own(t)
	lost, again := rate{}, rate{}
	for i := range samples {
		s := &samples[i]
		words := strings.Fields(s.text)
		if len(words) < 4 {
			continue
		}
		before, rest := strings.Join(words[:len(words)/2], " ")+" ", strings.Join(words[len(words)/2:], " ")
		judge := func(prior, text string) bool {
			found := f.rules.Scan([]a2a.Text{{Value: text, Kind: s.place}}, inspect.Options{Direction: s.direction, Prior: prior})
			return stops(f.treatments.Worst(found, s.direction, agent.Untrusted))
		}
		whole, early := judge("", before+rest), judge("", before)
		switch {
		case s.attack && whole && !early && s.class == "prompt-injection":
			lost.add(!judge(before, rest))
			if !judge(before, rest) && lost.Count <= maxLines {
				t.Logf("%s:%d %q ‖ %q", s.set, s.line, before, begins(rest))
			}
		case !s.attack && !whole && !early && s.takes(evasion.Transform{Breaks: true}):
			again.add(judge(before, rest))
		}
	}
	if lost.Of == 0 || lost.value() > maxLost {
		t.Errorf("%s of the attacks are lost", lost)
	}
	if v := again.value(); v > maxRaised {
		miss{"streams stops", v, fmt.Sprintf("%s of the benign texts are stopped", again), false}.tell(t)
	}
}

// TestDisguisedBodies holds that an attack is found wherever in a body it stands, and that a body which readers would take
// different things from is none for the parser.
func TestDisguisedBodies(t *testing.T) {
	t.Parallel()
	f, samples := own(t)
	for _, body := range evasion.Bodies() {
		t.Run(body.Name, func(t *testing.T) {
			t.Parallel()
			lost := rate{}
			for i := range samples {
				s := &samples[i]
				if !carries(body, s, f) {
					continue
				}
				texts, problem := parse(body, s.text)
				switch {
				case body.Refused && problem == nil:
					t.Fatalf("the body around %s:%d is parsed", s.set, s.line)
				case body.Refused:
					lost.add(false)
					continue
				case problem != nil:
					t.Fatalf("the body around %s:%d is refused: %v", s.set, s.line, problem)
				}
				v, _ := f.verdict(texts, s.direction)
				lost.add(!stops(v))
				if !stops(v) && lost.Count <= maxLines {
					t.Logf("%s:%d %s %q", s.set, s.line, v, begins(s.written))
				}
			}
			if lost.Of == 0 {
				t.Error("there is no attack that it carries")
			}
			if lost.value() > maxLost {
				t.Errorf("%s of the attacks are lost", share(lost))
			}
		})
	}
}

// carried is how many attacks each body is tried with: those of many members are slow to parse.
const carried = 400

// carries reports whether a sample is an attack that is found as it stands, and that attacks in the body, too.
func carries(body evasion.Body, s *sample, f filter) bool {
	direction := inspect.Request
	if body.Answer {
		direction = inspect.Response
	}
	if !s.attack || s.key || s.direction != direction || s.line > carried || s.class != "prompt-injection" && s.class != "prompt-leak" {
		return false
	}
	v, _ := f.verdict(s.texts(), s.direction)
	return stops(v)
}

func parse(body evasion.Body, text string) ([]a2a.Text, *a2a.Problem) {
	built := body.Build(text)
	if body.Answer {
		answer, problem := a2a.ParseAnswer(a2a.JSONRPC, a2a.SendMessage, built, a2a.DefaultLimits())
		return answer.Texts, problem
	}
	operation, problem := a2a.ParseJSONRPC(built, a2a.DefaultLimits())
	return operation.Texts, problem
}
