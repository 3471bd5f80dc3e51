package agent

import (
	"errors"
	"fmt"
	"strconv"
)

// Ring is an execution ring. Rings are numbered 0 (kernel) to 3 (untrusted) wherever people read them; the
// value counts privilege upwards, so that the zero value is ring 3 and a larger value may do more.
type Ring uint8

// The four rings, least privileged first.
const (
	Untrusted  Ring = iota // ring 3
	User                   // ring 2
	Supervisor             // ring 1
	Kernel                 // ring 0
)

// RingFromNumber returns the ring people call n, or an error when n is not 0 to 3.
func RingFromNumber(n int) (Ring, error) {
	if n < 0 || n > 3 {
		return Untrusted, fmt.Errorf("ring must be 0, 1, 2 or 3, not %d", n)
	}
	return Ring(3 - n), nil
}

// Number returns 0 for Kernel to 3 for Untrusted.
func (r Ring) Number() int {
	if r > Kernel {
		return 3
	}
	return int(3 - r)
}

// String returns the ring's number.
func (r Ring) String() string { return strconv.Itoa(r.Number()) }

// MarshalJSON writes the ring's number.
func (r Ring) MarshalJSON() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalJSON reads a ring number, 0 to 3.
func (r *Ring) UnmarshalJSON(data []byte) error {
	if len(data) != 1 || data[0] < '0' || data[0] > '3' {
		return errors.New("ring must be 0, 1, 2 or 3")
	}
	var err error
	*r, err = RingFromNumber(int(data[0] - '0'))
	return err
}

// Trust is a trust score, 0 to MaxTrust.
type Trust int

// MaxTrust is the highest score.
const MaxTrust Trust = 1000

// The lowest score of each ring above Untrusted, and the score of an agent nobody vouched for.
const (
	TrustKernel     Trust = 900
	TrustSupervisor Trust = 700
	TrustUser       Trust = 400
	TrustUnknown    Trust = 250
)

// Ring returns the ring that the score alone would give.
func (t Trust) Ring() Ring {
	switch {
	case t >= TrustKernel:
		return Kernel
	case t >= TrustSupervisor:
		return Supervisor
	case t >= TrustUser:
		return User
	default:
		return Untrusted
	}
}

// Floor returns the lowest score whose ring is r.
func (r Ring) Floor() Trust {
	switch r {
	case Kernel:
		return TrustKernel
	case Supervisor:
		return TrustSupervisor
	case User:
		return TrustUser
	default:
		return 0
	}
}
