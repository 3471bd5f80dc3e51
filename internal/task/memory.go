package task

// item is a record in memory. Its key never changes; the ledger's lock guards the rest.
type item struct {
	key
	record
	// newer and older are its neighbours in the order of use; both are nil outside that order.
	newer, older *item
	// queued says that the item waits for a write or is being written.
	queued bool
	// forgotten says that the task was removed while a write was under way.
	forgotten bool
	// listing is the number of the latest listing of the store that can have shown the item.
	listing uint64
}

// memory holds the items used last, and all that wait for a write. Its users hold the ledger's lock.
type memory struct {
	limit int
	items map[key]*item
	// ends closes the ring of items: its older neighbour was used last, its newer one longest ago.
	ends *item
	// pending are the items that wait for a write. They stay known however many others are used, because the
	// store cannot tell about them yet.
	pending map[key]*item
}

func newMemory(limit int) memory {
	ends := &item{}
	ends.newer, ends.older = ends, ends
	return memory{limit: limit, items: map[key]*item{}, ends: ends, pending: map[key]*item{}}
}

// find returns the item, which becomes the one used last, or nil.
func (m *memory) find(k key) *item {
	it, ok := m.items[k]
	if !ok {
		return m.pending[k]
	}
	if m.ends.older != it {
		it.unlink()
		m.link(it)
	}
	return it
}

// peek is find without a use.
func (m *memory) peek(k key) *item {
	if it, ok := m.items[k]; ok {
		return it
	}
	return m.pending[k]
}

// add remembers an item that is not in memory and returns the one that had to go, or nil.
func (m *memory) add(it *item) *item {
	m.items[it.key] = it
	m.link(it)
	if len(m.items) <= m.limit {
		return nil
	}
	oldest := m.ends.newer
	oldest.unlink()
	delete(m.items, oldest.key)
	return oldest
}

func (m *memory) remove(k key) {
	if it, ok := m.items[k]; ok {
		it.unlink()
		delete(m.items, k)
	}
	delete(m.pending, k)
}

func (m *memory) full() bool { return len(m.items) >= m.limit }

// link makes an item the one used last.
func (m *memory) link(it *item) {
	it.newer, it.older = m.ends, m.ends.older
	it.newer.older, it.older.newer = it, it
}

func (it *item) unlink() {
	it.newer.older, it.older.newer = it.older, it.newer
	it.newer, it.older = nil, nil
}
