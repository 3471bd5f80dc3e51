package budget

import (
	"sync"
	"time"
)

// shard holds the accounts of a part of all keys.
type shard struct {
	mu       sync.Mutex
	accounts map[name]*account
	now      int64 // the latest moment seen
	sweep    int   // how many accounts there may be before those that are idle are forgotten
	full     int64 // when it was last looked, in vain or not, for idle ones because there was no room
	// leased are the holdings that have something to give back or to renew.
	leased []*holding

	_ [64]byte // keeps two shards out of one cache line
}

const (
	// smallestSweep is how many accounts a shard may hold before any is forgotten.
	smallestSweep = 16
	// fullPause is how long a shard without room refuses new accounts before it looks for idle ones again.
	fullPause = 100 * time.Millisecond
)

// account returns the account of a name, a new one if there is none. Forgetting is paid for by what is added: after a
// sweep as many can be added as were left.
func (s *shard) account(n name) *account {
	if a := s.accounts[n]; a != nil {
		return a
	}
	if len(s.accounts) >= max(s.sweep, smallestSweep) {
		s.forget()
	}
	if s.accounts == nil {
		s.accounts = make(map[name]*account)
	}
	a := &account{}
	s.accounts[n] = a
	return a
}

// fits reports whether one more account may be added when there may be so many in all shards together. Where there is no
// room, it looks for idle ones once in a while.
func (s *shard) fits(keys int) bool {
	most := max(keys/shardCount, smallestSweep)
	if len(s.accounts) >= most && s.now >= s.full+int64(fullPause) {
		s.full = s.now
		s.forget()
	}
	return len(s.accounts) < most
}

// forget drops the accounts that are as if they had never been. What is left moves to a new map, as maps do not shrink.
func (s *shard) forget() {
	left := make(map[name]*account)
	for n, a := range s.accounts {
		if !a.idle(s.now) {
			left[n] = a
		}
	}
	s.accounts, s.sweep = left, 2*len(left)
}
