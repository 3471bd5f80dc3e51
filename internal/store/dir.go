package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DirLock is the hold of one process on a data directory. The kernel ends it with the process, so a kill
// leaves nothing to clean up.
type DirLock struct{ file *os.File }

// LockDir creates the data directory (mode 0700) when it is missing, takes the exclusive lock <dir>/lock and
// writes this process's id into it. Every error is one sentence that says what to do, and wraps the system's
// error.
func LockDir(dir string) (*DirLock, error) {
	return lockDir(dir, "lock")
}

// Close releases the lock. The file stays: to remove it would let two processes lock two files of one name. A process that
// is being started at this moment has the file open too, and would keep what is closed alone.
func (l *DirLock) Close() error {
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}

func lockDir(dir, name string) (*DirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, err)
	}
	path := filepath.Join(dir, name)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, dirError(dir, err)
	}
	if err := flock(file); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by %s: stop it, or choose another directory (%w)",
				dir, holder(path), unix.EWOULDBLOCK)
		}
		return nil, dirError(dir, err)
	}
	if err := writePID(file); err != nil {
		file.Close()
		return nil, dirError(dir, err)
	}
	return &DirLock{file: file}, nil
}

func flock(file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// writePID syncs, because some file systems report a full disk only then.
func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return err
	}
	return file.Sync()
}

// holder names the process that wrote the lock file. Between lock and write the file may still be empty.
func holder(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "another process"
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return "another process"
	}
	return "process " + strconv.Itoa(pid)
}

// dirError turns a failure to use a data directory into a sentence that says what to do.
func dirError(dir string, err error) error {
	cause := err
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		cause = path.Err
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("data directory %s is on a full disk: free some space and start again (%w)", dir, cause)
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EEXIST), errors.Is(err, unix.EISDIR):
		return fmt.Errorf("data directory %s is not a directory: move that file away, or choose another directory (%w)", dir, cause)
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s is not writable: fix its owner, mode or mount, or choose another directory (%w)", dir, cause)
	default:
		return fmt.Errorf("data directory %s cannot be used: check its file system, or choose another directory (%w)", dir, cause)
	}
}

// freeBytes returns how much an unprivileged process can still write to the directory's file system; it is 0
// when no more files can be created there.
func freeBytes(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	if stat.Files > 0 && stat.Ffree == 0 {
		return 0, nil
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}
