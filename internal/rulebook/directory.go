package rulebook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

const (
	// settle is how long a directory that changes has to stay as it is before it is read, and patience for how long one look
	// waits for that at most: what is written through the API waits as long.
	settle   = 100 * time.Millisecond
	patience = 5 * time.Second
	// young is the age up to which a file may have been changed since it was read without looking any different: clocks
	// of file systems are coarse.
	young = 2 * time.Second
)

// directory reads the documents of a directory. A file is read anew only when it may have changed.
type directory struct {
	path     string
	now      func() time.Time
	patience time.Duration
	// seen is how the directory looked when it was read last, and at when that was; pages is what stood in its files.
	seen  survey
	at    time.Time
	pages []page
}

// page is what stood in one file.
type page struct {
	path      string
	sum       [sha256.Size]byte
	documents []*policy.Document
	problems  []policy.Problem
	// again says that the file could not be read, which may pass without the file looking any different.
	again bool
}

// survey is how a directory looks without opening a file.
type survey struct {
	files []sighting
	err   error
}

type sighting struct {
	path string
	info fs.FileInfo // of what a link leads to; nil with err
	err  error
}

// look reads what has changed, and reports whether anything has. At the first call it reads everything at once; later
// it waits until a directory that changes has settled, for as long as its patience lasts.
func (d *directory) look(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	first := d.at.IsZero()
	seen := surveyOf(d.path)
	same := !first && seen.same(d.seen)
	if same && !d.anyYoung() {
		return false
	}
	if !first && !same {
		seen = d.settled(ctx, seen)
	}
	before := d.pages
	d.read(seen)
	// What changes while it is read, such as where a link leads, would be half of one version and half of the next.
	for now := surveyOf(d.path); !now.same(seen) && ctx.Err() == nil; now = surveyOf(d.path) {
		seen = d.settled(ctx, now)
		d.read(seen)
	}
	return first || !slices.EqualFunc(before, d.pages, func(a, b page) bool {
		return a.path == b.path && a.sum == b.sum && slices.Equal(a.problems, b.problems)
	})
}

// settled returns how the directory looks as soon as it has looked so for a moment.
func (d *directory) settled(ctx context.Context, seen survey) survey {
	for store.Pause(ctx, settle) {
		now := surveyOf(d.path)
		if now.same(seen) {
			break
		}
		seen = now
	}
	return seen
}

// anyYoung reports whether what stands in a file may be other than what was read although the file looks the same.
func (d *directory) anyYoung() bool {
	return slices.ContainsFunc(d.seen.files, d.isYoung) || slices.ContainsFunc(d.pages, func(p page) bool { return p.again })
}

func (d *directory) isYoung(s sighting) bool {
	return s.info != nil && s.info.ModTime().After(d.at.Add(-young))
}

// read replaces the pages with what stands in the files.
func (d *directory) read(seen survey) {
	pages := make([]page, 0, len(seen.files)+1)
	if seen.err != nil {
		pages = append(pages, page{path: d.path, problems: []policy.Problem{{File: d.path, Reason: "the directory cannot be read: " + cause(seen.err)}}})
	}
	read, looked := make(map[string]page, len(d.pages)), make(map[string]sighting, len(d.seen.files))
	for _, p := range d.pages {
		read[p.path] = p
	}
	for _, s := range d.seen.files {
		if !d.isYoung(s) && !read[s.path].again {
			looked[s.path] = s
		}
	}
	d.at, d.seen = d.now(), seen
	for _, s := range seen.files {
		if before, ok := looked[s.path]; ok && before.same(s) {
			pages = append(pages, read[s.path])
			continue
		}
		pages = append(pages, readPage(s, read[s.path]))
	}
	d.pages = pages
}

// readPage reads a file. What it held before spares the parsing of what it still holds.
func readPage(s sighting, before page) page {
	refused := func(reason string) page {
		return page{path: s.path, problems: []policy.Problem{{File: s.path, Reason: reason}}}
	}
	switch {
	case s.err != nil:
		return refused("the file cannot be read: " + cause(s.err))
	case !s.info.Mode().IsRegular():
		return refused("it has the name of a policy file, and is none: only regular files are read")
	}
	data, err := readFile(s.path)
	if err != nil {
		p := refused("the file cannot be read: " + cause(err))
		p.again = true
		return p
	}
	if len(data) > policy.MaxFile {
		return refused(fmt.Sprintf("the file has more than %d bytes", policy.MaxFile))
	}
	sum := sha256.Sum256(data)
	if before.sum == sum && before.path == s.path {
		return before
	}
	p := page{path: s.path, sum: sum}
	p.documents, p.problems = policy.Parse(s.path, data)
	return p
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var data bytes.Buffer
	_, err = io.Copy(&data, io.LimitReader(file, policy.MaxFile+1))
	return data.Bytes(), err
}

// surveyOf looks at the policy files of a directory: *.yaml and *.yml, without those whose names begin with a dot, and
// without those in directories below.
func surveyOf(path string) survey {
	entries, err := os.ReadDir(path)
	s := survey{err: err}
	for _, e := range entries {
		if !policyFile(e.Name()) {
			continue
		}
		file := filepath.Join(path, e.Name())
		info, err := os.Stat(file)
		s.files = append(s.files, sighting{path: file, info: info, err: err})
	}
	return s
}

func policyFile(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	extension := filepath.Ext(name)
	return extension == ".yaml" || extension == ".yml"
}

func (s survey) same(other survey) bool {
	return sameError(s.err, other.err) && slices.EqualFunc(s.files, other.files, sighting.same)
}

func (s sighting) same(other sighting) bool {
	if s.path != other.path || !sameError(s.err, other.err) {
		return false
	}
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return os.SameFile(s.info, other.info) && s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime()) &&
		s.info.Mode() == other.info.Mode()
}

func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

// cause is an error of the file system without the path, which a Problem has.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Read returns the documents of files, and of the policy files in directories, as the directory of a Book is read. Each
// file is read once, however often it is named.
func Read(now time.Time, paths ...string) ([]*policy.Document, []policy.Problem) {
	var documents []*policy.Document
	var problems []policy.Problem
	seen := map[string]bool{}
	for _, path := range paths {
		d := directory{path: path, now: func() time.Time { return now }, patience: patience}
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			d.look(context.Background())
		} else {
			d.pages = []page{readPage(sighting{path: path, info: info, err: err}, page{})}
		}
		for _, p := range d.pages {
			if clean := filepath.Clean(p.path); !seen[clean] {
				seen[clean] = true
				documents, problems = append(documents, p.documents...), append(problems, p.problems...)
			}
		}
	}
	return documents, problems
}
