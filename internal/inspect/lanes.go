package inspect

const (
	// laneCount is how many stretches of a text the automaton reads at once: each step waits for the one before, so that
	// a single stretch leaves most of the processor idle.
	laneCount = 4
	// laneBlock is how much of a text is read before what was found is looked at, and laneFloor the shortest stretch of
	// text for which several lanes pay.
	laneBlock = 2048
	laneFloor = 96
	// warmReach bounds how far before its stretch a lane begins to read.
	warmReach = 64
)

// hit says that literals may end at the offset pos.
type hit struct {
	pos   uint32
	state uint16
}

// lanes holds the hits of one block. Those of lane i begin at i × the length of a lane, in the order of the text.
type lanes struct {
	hits   [laneBlock]hit
	counts [laneCount]int
	length int
}

// of returns the hits of one lane.
func (l *lanes) of(lane int) []hit { return l.hits[lane*l.length:][:l.counts[lane]] }

// read finds the hits in text[from:to], at most laneBlock bytes, for an automaton that is in state, and returns the
// state behind.
func (a *automaton) read(l *lanes, text []byte, from, to int, state uint16) uint16 {
	l.length, l.counts = (to-from)/laneCount, [laneCount]int{}
	if to-from < laneFloor {
		return a.single(l, text, from, to, state)
	}
	states := [laneCount]uint16{0: state}
	for lane := 1; lane < laneCount; lane++ {
		var ok bool
		if states[lane], ok = a.warm(text, from+lane*l.length); !ok {
			return a.single(l, text, from, to, state)
		}
	}
	a.several(l, text, from, &states)
	const last = laneCount - 1
	state = states[last]
	for i := from + laneCount*l.length; i < to; i++ {
		state = a.delta[uint(state)<<rowShift|uint(byteClass[text[i]])]
		if state >= a.accept {
			l.hits[last*l.length+l.counts[last]] = hit{uint32(i + 1), state}
			l.counts[last]++
		}
	}
	return state
}

func (a *automaton) single(l *lanes, text []byte, from, to int, state uint16) uint16 {
	n := 0
	for pos, s := a.next(text[:to], from, state); ; pos, s = a.next(text[:to], pos, s) {
		if pos < 0 {
			l.counts[0] = n
			return s
		}
		l.hits[n] = hit{uint32(pos), s}
		n++
	}
}

// warm returns the state of the automaton at an offset: as it reads no more than the ends of literals, the bytes before
// decide it. A long run of white space counts as one byte and is not worth a lane.
func (a *automaton) warm(text []byte, at int) (uint16, bool) {
	from, seen := at, 0
	for from > 0 && seen <= a.tail {
		from--
		if from == 0 || !white(text[from]) || !white(text[from-1]) {
			seen++
		}
		if at-from > warmReach {
			return 0, false
		}
	}
	state := uint16(0)
	for _, c := range text[from:at] {
		state = a.delta[uint(state)<<rowShift|uint(byteClass[c])]
	}
	return state, true
}

// several reads one lane for each of the states, and leaves there the state behind the last lane.
func (a *automaton) several(l *lanes, text []byte, from int, states *[laneCount]uint16) {
	delta, accept, n := a.delta, a.accept, l.length
	t0 := text[from : from+n]
	t1, t2, t3 := text[from+n:][:len(t0)], text[from+2*n:][:len(t0)], text[from+3*n:][:len(t0)]
	s0, s1, s2, s3 := states[0], states[1], states[2], states[3]
	h0, h1, h2, h3 := l.hits[:n], l.hits[n:2*n], l.hits[2*n:3*n], l.hits[3*n:4*n]
	var n0, n1, n2, n3 int
	for i, c := range t0 {
		s0 = delta[uint(s0)<<rowShift|uint(byteClass[c])]
		s1 = delta[uint(s1)<<rowShift|uint(byteClass[t1[i]])]
		s2 = delta[uint(s2)<<rowShift|uint(byteClass[t2[i]])]
		s3 = delta[uint(s3)<<rowShift|uint(byteClass[t3[i]])]
		pos := uint32(from + i + 1)
		if s0 >= accept {
			h0[n0] = hit{pos, s0}
			n0++
		}
		if s1 >= accept {
			h1[n1] = hit{pos + uint32(n), s1}
			n1++
		}
		if s2 >= accept {
			h2[n2] = hit{pos + uint32(2*n), s2}
			n2++
		}
		if s3 >= accept {
			h3[n3] = hit{pos + uint32(3*n), s3}
			n3++
		}
	}
	l.counts = [laneCount]int{n0, n1, n2, n3}
	states[laneCount-1] = s3
}
