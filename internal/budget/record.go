package budget

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// recordVersion changes whenever a field changes its meaning. Of a record of another version nobody can say what is left.
const recordVersion = 1

const (
	// maxProcess is how long a process's name may be, in bytes.
	maxProcess = 64
	// maxLeases is how many processes may hold a part of one limit.
	maxLeases = 4096
)

// record is what the store keeps of one limit. It is immutable.
type record struct {
	Version int `json:"version"`
	// At is the latest moment that any process has seen. It is the time of the record: a clock that is behind follows it.
	At int64 `json:"at"`
	// Clear, Part, Limit and Per are the debt of what was let through for certain; they are zero for calls under way.
	Clear int64 `json:"clear,omitempty"`
	Part  int64 `json:"part,omitempty"`
	Limit int64 `json:"limit,omitempty"`
	Per   int64 `json:"per,omitempty"`
	// Leases are what processes may let through, at most one each.
	Leases []lease `json:"leases,omitempty"`
}

// lease is what one process may let through by itself.
type lease struct {
	Process string `json:"process"`
	// Turn tells the leases of a process apart.
	Turn uint64 `json:"turn,omitempty"`
	// Paid is how many calls were waiting for the lease: they count as let through at the moment From, until the process
	// says that some were not.
	Paid int64 `json:"paid,omitempty"`
	From int64 `json:"from,omitempty"`
	// Held is how many calls may be let through before the moment End, or may be under way until then.
	Held int64 `json:"held,omitempty"`
	End  int64 `json:"end"`
}

func (r record) debt() debt { return debt{clear: r.Clear, part: r.Part, limit: r.Limit, per: r.Per} }

// with returns a record of the moment with another debt and other leases.
func (r record) with(now int64, d debt, leases []lease) record {
	return record{
		Version: recordVersion, At: now, Clear: d.clear, Part: d.part, Limit: d.limit, Per: d.per, Leases: leases,
	}
}

// split returns the lease of a process, and those of the others, the first to end first.
func (r record) split(process string) (own lease, found bool, others []lease) {
	for _, l := range r.Leases {
		if l.Process == process {
			own, found = l, true
		} else {
			others = append(others, l)
		}
	}
	slices.SortStableFunc(others, func(a, b lease) int { return cmp.Compare(a.End, b.End) })
	return own, found, others
}

// spend adds to a debt all that a lease allowed, as late as it could be used.
func (l lease) spend(d debt, p pace) debt {
	return d.add(p, l.Paid, l.From).add(p, l.Held, l.End)
}

// span returns how long after its last write a record says no more than none would.
func (r record) span() int64 {
	clear := r.Clear + 1
	for _, l := range r.Leases {
		clear = max(clear, l.End)
	}
	if r.Limit > 0 {
		p, d := pace{limit: r.Limit, per: r.Per, burst: MaxLimit}, r.debt()
		for _, l := range r.Leases {
			d = l.spend(d, p)
		}
		clear = max(clear, d.clear+1)
	}
	return max(clear-r.At, 0)
}

func (r record) encode() ([]byte, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a count: %w", err)
	}
	return value, nil
}

var errRecord = errors.New("the store holds a count that cannot be read")

// decode reads a record. Numbers that no process writes, and that could overflow, are refused.
func decode(value []byte) (record, error) {
	var r record
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil || decoder.More() {
		return record{}, errRecord
	}
	rate := r.Limit >= 1 && r.Limit <= MaxLimit && r.Per >= 1 && r.Per <= int64(MaxPer) && r.Part >= 0 && r.Part < r.Limit
	none := r.Limit == 0 && r.Per == 0 && r.Part == 0 && r.Clear == 0
	if r.Version != recordVersion || !rate && !none || !within(r.At, latest) || !within(r.Clear, horizon) || len(r.Leases) > maxLeases {
		return record{}, errRecord
	}
	for i, l := range r.Leases {
		known := slices.ContainsFunc(r.Leases[:i], func(o lease) bool { return o.Process == l.Process })
		if l.Process == "" || len(l.Process) > maxProcess || known || !within(l.Paid, math.MaxInt32) || !within(l.Held, math.MaxInt32) ||
			!within(l.From, latest) || !within(l.End, horizon) {
			return record{}, errRecord
		}
	}
	return r, nil
}

func within(n, high int64) bool { return n >= 0 && n <= high }

// storeKey returns the store's key of a limit, from which the limit cannot be told.
func storeKey(n name) string {
	kind := "rate:"
	if n.underWay {
		kind = "under-way:"
	}
	sum := sha256.Sum256([]byte(kind + n.key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
