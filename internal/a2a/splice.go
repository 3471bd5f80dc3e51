package a2a

// splice puts a text in the place of another one.
type splice struct {
	Span
	text []byte
}

// spliced returns the body with all texts, whose places are in order and do not overlap, all else byte for byte.
func spliced(body []byte, all ...splice) []byte {
	size := len(body)
	for _, s := range all {
		size += len(s.text) - int(s.End-s.Start)
	}
	out := make([]byte, 0, size)
	from := int32(0)
	for _, s := range all {
		out = append(append(out, body[from:s.Start]...), s.text...)
		from = s.End
	}
	return append(out, body[from:]...)
}
