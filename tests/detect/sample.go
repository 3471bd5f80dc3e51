package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// maxLine is the longest line of a set, in bytes.
const maxLine = 16 << 20

// sample is one labelled text.
type sample struct {
	// set is the file it stands in, and line its line there, from 1.
	set  string
	line int
	// text is what is judged; written is the same as the file has it, with the placeholders of secrets.
	text, written string
	attack        bool
	// class is empty for most benign texts.
	class     string
	direction inspect.Direction
	// place is what the protocol takes the text for, and key says that it is the name of a member.
	place a2a.Kind
	key   bool
}

func (s *sample) texts() []a2a.Text { return []a2a.Text{{Value: s.text, Kind: s.place, Key: s.key}} }

// labels are the spellings of labels that sets have, with whether they name an attack.
var labels = map[string]bool{
	"attack": true, "injection": true, "jailbreak": true, "malicious": true, "1": true, "true": true,
	"benign": false, "safe": false, "legitimate": false, "0": false, "false": false,
}

// record is a line of a set.
type record struct {
	Text  *string        `json:"text"`
	Label jsontext.Value `json:"label"`
	Kind  string         `json:"kind"`
	Class string         `json:"class"`
	Place string         `json:"place"`
	Key   bool           `json:"key"`
}

// readSets reads files of samples, and those of directories by name. All problems are reported at once.
func readSets(paths []string) ([]sample, error) {
	var samples []sample
	var problems []error
	for _, path := range paths {
		files, err := setFiles(path)
		if err != nil {
			problems = append(problems, err)
		}
		for _, file := range files {
			read, err := readSet(file)
			samples, problems = append(samples, read...), append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("reading sets: %w", err)
	}
	return samples, nil
}

func setFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	files, err := fs.Glob(os.DirFS(path), "*.jsonl")
	for i := range files {
		files[i] = filepath.Join(path, files[i])
	}
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no *.jsonl", path)
	}
	return files, err
}

func readSet(path string) ([]sample, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseSet(strings.TrimSuffix(filepath.Base(path), ".jsonl"), file)
}

// parseSet reads the samples of one set, a JSON object a line.
func parseSet(name string, in io.Reader) ([]sample, error) {
	var samples []sample
	var problems []error
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		s, err := parseSample(lines.Bytes())
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", name, n, err))
			continue
		}
		s.set, s.line = name, n
		samples = append(samples, s)
	}
	return samples, errors.Join(append(problems, lines.Err())...)
}

func parseSample(line []byte) (sample, error) {
	var r record
	if err := json.Unmarshal(line, &r, jsontext.AllowInvalidUTF8(true)); err != nil {
		return sample{}, err
	}
	if r.Text == nil {
		return sample{}, errors.New("there is no text")
	}
	label := strings.ToLower(strings.Trim(string(r.Label), `"`))
	attack, ok := labels[label]
	if !ok {
		return sample{}, fmt.Errorf("label %q is neither attack nor benign", label)
	}
	s := sample{written: *r.Text, attack: attack, class: r.Class, key: r.Key}
	if s.direction, ok = inspect.ParseDirection(cmp.Or(r.Kind, inspect.Request.String())); !ok {
		return sample{}, fmt.Errorf("kind %q is none of request, response, card", r.Kind)
	}
	if s.place, ok = inspect.ParseKind(cmp.Or(r.Place, a2a.KindText.String())); !ok {
		return sample{}, fmt.Errorf("place %q is no kind of text", r.Place)
	}
	if attack && s.class == "" {
		s.class = "unclassified"
	}
	var err error
	s.text, err = expand(s.written)
	return s, err
}

// parts returns the texts of a message whose parts are the values.
func (s *sample) parts(values []string) []a2a.Text {
	texts := make([]a2a.Text, len(values))
	for i, v := range values {
		texts[i] = a2a.Text{Value: v, Kind: s.place}
	}
	return texts
}
