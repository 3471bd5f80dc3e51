package a2a

import "bytes"

// With returns the event with data in place of its own. The lines that are no data stand before it as they came, so that
// an event keeps its name and its id. What is no event is returned as it came.
func (e Event) With(data []byte) []byte {
	if !e.Told {
		return e.Raw
	}
	out := make([]byte, 0, len(e.Aside)+len(data)+len("\ndata: \n\n"))
	if len(e.Aside) > 0 {
		out = append(append(out, e.Aside...), '\n')
	}
	for {
		end := bytes.IndexAny(data, "\r\n")
		if end < 0 {
			return appendEvent(out, data)
		}
		out = append(append(out, "data: "...), data[:end]...)
		out, data = append(out, '\n'), data[end+1:]
	}
}
