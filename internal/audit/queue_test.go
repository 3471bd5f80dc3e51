package audit

import (
	"math/rand/v2"
	"testing"
)

// TestQueue holds a queue against a slice: the order, the bound, and that what left is not kept.
func TestQueue(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		q := queue[*int]{bound: 1 + random.IntN(1000)}
		var want []*int
		for range 40 {
			for range random.IntN(300) {
				v := new(int)
				if taken := q.push(v); taken != (len(want) < q.bound) {
					t.Fatalf("taken: %t with %d of %d", taken, len(want), q.bound)
				} else if taken {
					want = append(want, v)
				}
			}
			for range random.IntN(300) {
				v, ok := q.pop()
				if ok != (len(want) > 0) || ok && v != want[0] {
					t.Fatalf("popped %p, %t with %d waiting", v, ok, len(want))
				}
				if ok {
					want = want[1:]
				}
			}
			held := 0
			for _, v := range q.values {
				if v != nil {
					held++
				}
			}
			if held != len(want) || len(q.values) > q.bound {
				t.Fatalf("%d values held of %d, room for %d of %d", held, len(want), len(q.values), q.bound)
			}
		}
	}
}

// TestQueueGivesRoomBack holds that a burst does not stay in memory, and that what comes regularly finds room.
func TestQueueGivesRoomBack(t *testing.T) {
	q := queue[int]{bound: 1 << 14}
	turn := func(n int) {
		for i := range n {
			q.push(i)
		}
		for range n {
			q.pop()
		}
	}
	turn(1 << 14)
	if len(q.values) != 1<<14 {
		t.Fatalf("room for %d", len(q.values))
	}
	for range 20 {
		turn(200)
	}
	if n := testing.AllocsPerRun(100, func() { turn(200) }); n != 0 || len(q.values) >= 1024 || len(q.values) < 200 {
		t.Errorf("room for %d, %v allocations a turn", len(q.values), n)
	}
}
