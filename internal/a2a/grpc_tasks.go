package a2a

import (
	"encoding/binary"
	"math"
)

// DropTasksGRPC returns the list of tasks in message without those that drop marks, in the order of a.Tasks, and with
// the number of all tasks less by as many. What remains, remains byte for byte; if nothing is dropped, message itself
// is returned. The answer must be the one that was parsed from message. A task for which drop says nothing is dropped.
func DropTasksGRPC(message []byte, a Answer, drop []bool) []byte {
	dropped := 0
	for i, t := range a.Tasks {
		if t.Start < t.End && (i >= len(drop) || drop[i]) {
			dropped++
		}
	}
	if dropped == 0 {
		return message
	}
	kept := make([]byte, 0, len(message)+binary.MaxVarintLen64)
	var w wireField
	for pos, i := 0, 0; pos < len(message); pos = w.end {
		if w.next(message, pos) != sound {
			return nil
		}
		if i < len(a.Tasks) && pos == int(a.Tasks[i].Start) {
			if i < len(drop) && !drop[i] {
				kept = append(kept, message[pos:w.end]...)
			}
			i++
			continue
		}
		if w.start == int(a.Total.Start) && w.end == int(a.Total.End) && w.varint <= math.MaxInt32 {
			kept = appendNumber(kept, w.number, uint64(max(int64(w.varint)-int64(dropped), 0)))
			continue
		}
		kept = append(kept, message[pos:w.end]...)
	}
	return kept
}
