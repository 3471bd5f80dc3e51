package a2a

// Sound exposes the scanner alone, without any request around the value.
func Sound(body []byte, lim Limits) bool { return Reason(body, lim) == "" }

// Reason returns why the scanner refuses body, or nothing.
func Reason(body []byte, lim Limits) string {
	s := scanners.Get().(*scanner)
	defer s.release()
	if f := s.scan(body, lim, &free); f != sound {
		return problem(f, BindingUnknown).Reason
	}
	return ""
}
