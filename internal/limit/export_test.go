package limit

// Uses returns how many uses the meter remembers.
func (m *Meter) Uses() int {
	n := 0
	for i := range m.shards {
		m.shards[i].mu.Lock()
		n += len(m.shards[i].uses)
		m.shards[i].mu.Unlock()
	}
	return n
}
