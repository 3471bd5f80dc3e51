package envoy

import (
	"fmt"
	"os"
	"slices"
	"sync"
)

const (
	// keptOutput is how much of Envoy's latest output stays in memory, in bytes.
	keptOutput = 128 << 10
	// maxLogFile is the size in bytes at which the log file is put aside; one older file is kept.
	maxLogFile = 16 << 20
)

// output keeps what Envoy prints: the end of it in memory, more of it in a file. A file that cannot be written, as on
// a full disk, never holds up Envoy.
type output struct {
	path string

	mu   sync.Mutex
	tail []byte
	file *os.File
	size int64
}

func openOutput(path string) (*output, error) {
	o := &output{path: path}
	if err := o.open(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *output) open() error {
	file, err := os.OpenFile(o.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening Envoy's log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("opening Envoy's log: %w", err)
	}
	o.file, o.size = file, info.Size()
	return nil
}

// Write never fails: the pipe from Envoy would be closed with it, and Envoy would die of the next line.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, p...)
	if len(o.tail) > 2*keptOutput {
		o.tail = append([]byte(nil), o.tail[len(o.tail)-keptOutput:]...)
	}
	if o.file == nil {
		return len(p), nil
	}
	written, _ := o.file.Write(p)
	o.size += int64(written)
	if o.size >= maxLogFile {
		_ = o.file.Close()
		o.file = nil
		if os.Rename(o.path, o.path+".1") == nil {
			_ = o.open()
		}
	}
	return len(p), nil
}

// latest returns the end of the output.
func (o *output) latest() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail := o.tail
	if len(tail) > keptOutput {
		tail = tail[len(tail)-keptOutput:]
	}
	return slices.Clone(tail)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
}
