package ruledir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// maxFiles bounds, in bytes, what is read of a directory at each look.
const maxFiles = 64 << 20

var (
	errTooLarge = errors.New("the rule files are larger than 64 MiB together")
	errNoFile   = errors.New("it is no file")
)

// snapshot are the rule files as they were at one look. What is loaded is what was looked at, whatever becomes of the files
// meanwhile.
type snapshot struct {
	entries []fs.DirEntry
	files   map[string][]byte
}

// take reads the rule files at the top of a layer. A file is read no further than allowed, and what is no file, such as a
// pipe that would never end, not at all.
func take(layer fs.FS) (snapshot, error) {
	entries, err := fs.ReadDir(layer, ".")
	if err != nil {
		return snapshot{}, fmt.Errorf("listing rule files: %w", err)
	}
	s := snapshot{files: map[string][]byte{}}
	left := int64(maxFiles)
	for _, entry := range entries {
		if path.Ext(entry.Name()) != ".yaml" {
			continue
		}
		data, err := read(layer, entry.Name(), left)
		if err != nil {
			return snapshot{}, fmt.Errorf("reading %s: %w", entry.Name(), err)
		}
		left -= int64(len(data))
		s.entries, s.files[entry.Name()] = append(s.entries, entry), data
	}
	return s, nil
}

func read(layer fs.FS, name string, most int64) ([]byte, error) {
	info, err := fs.Stat(layer, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	case info.Size() > most:
		return nil, errTooLarge
	}
	file, err := layer.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err = errors.Join(err, file.Close()); err == nil && int64(len(data)) > most {
		err = errTooLarge
	}
	return data, err
}

// Open exists for fs.FS: rules are read by ReadDir and ReadFile.
func (s snapshot) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir returns the rule files, whatever the name.
func (s snapshot) ReadDir(string) ([]fs.DirEntry, error) { return s.entries, nil }

// ReadFile returns what stood in a rule file.
func (s snapshot) ReadFile(name string) ([]byte, error) {
	data, ok := s.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return data, nil
}
