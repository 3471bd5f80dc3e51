package store

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	errClosed       = fmt.Errorf("%w: the store is closed", ErrUnavailable)
	errDisconnected = fmt.Errorf("%w: the connection was lost", ErrUnavailable)
	errNoAnswer     = fmt.Errorf("%w: no answer within %v", ErrUnavailable, requestTimeout)
	errOtherKind    = fmt.Errorf("%w: it is kept in memory alone where a durable one is asked for, or the other way round", ErrUnavailable)
	errNegativeTTL  = errors.New("ttl is negative")
)

// checkKey refuses what NATS would read as a wildcard or as an empty subject token, in every implementation.
func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: empty", ErrInvalidKey)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrInvalidKey, len(key), MaxKey)
	case key[0] == '.' || key[len(key)-1] == '.' || strings.Contains(key, ".."):
		return fmt.Errorf("%w: empty part between dots", ErrInvalidKey)
	}
	for i := range len(key) {
		if c := key[i]; !nameByte(c) && c != '=' && c != '/' && c != '.' {
			return fmt.Errorf("%w: character at byte %d", ErrInvalidKey, i)
		}
	}
	return nil
}

func checkBucketName(name string) error {
	if name == "" || len(name) > MaxBucketName {
		return fmt.Errorf("%w: a bucket's name has 1 to %d bytes", ErrInvalidKey, MaxBucketName)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("%w: character at byte %d of a bucket's name", ErrInvalidKey, i)
		}
	}
	return nil
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func checkWrite(key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(value), MaxValue)
	}
	return nil
}

// wholeSeconds rounds a lifetime up, because JetStream counts lifetimes in seconds.
func wholeSeconds(ttl time.Duration) (time.Duration, error) {
	if ttl < 0 {
		return 0, errNegativeTTL
	}
	if rest := ttl % time.Second; rest > 0 {
		ttl += time.Second - rest
	}
	return max(ttl, 0), nil
}
