package audit

// leastQueue is how many values a queue has room for before it grows.
const leastQueue = 64

// queue holds values in the order in which they came, at most bound of them. Its room follows what is in it: most of the
// time little waits, and the bound is for the worst of times.
type queue[T any] struct {
	bound  int
	values []T
	first  int
	length int
	// most is how many there were at once since the queue was last empty.
	most int
}

// push takes a value, and reports false when there are as many as there may be.
func (q *queue[T]) push(v T) bool {
	if q.length == q.bound {
		return false
	}
	if q.length == len(q.values) {
		q.resize(min(max(2*q.length, leastQueue), q.bound))
	}
	q.values[(q.first+q.length)%len(q.values)] = v
	q.length++
	q.most = max(q.most, q.length)
	return true
}

// pop returns the value that came first, and nothing of it stays.
func (q *queue[T]) pop() (v T, ok bool) {
	if q.length == 0 {
		return v, false
	}
	var none T
	v, q.values[q.first] = q.values[q.first], none
	q.first = (q.first + 1) % len(q.values)
	if q.length--; q.length == 0 {
		q.rest()
	}
	return v, true
}

// rest gives back half of the room when a quarter would have done.
func (q *queue[T]) rest() {
	if half := len(q.values) / 2; half >= leastQueue && q.most <= half/2 {
		q.resize(half)
	}
	q.most = 0
}

func (q *queue[T]) resize(room int) {
	values := make([]T, room)
	n := copy(values, q.values[q.first:])
	copy(values[n:], q.values[:q.first])
	q.values, q.first = values, 0
}
