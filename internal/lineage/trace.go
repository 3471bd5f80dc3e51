package lineage

// traceLength is that of a trace id.
const traceLength = 32

// TraceID returns the trace id of a traceparent field (W3C Trace Context section 3.2), empty unless the field is one
// that may be relied on.
func TraceID(traceparent string) string {
	const version, id, parent, flags = 2, traceLength, 16, 2
	const length = version + 1 + id + 1 + parent + 1 + flags
	if len(traceparent) < length || traceparent[:version] == "ff" || len(traceparent) > length && (traceparent[:version] == "00" || traceparent[length] != '-') {
		return ""
	}
	trace := traceparent[version+1 : version+1+id]
	if !hexadecimal(traceparent[:version]) || traceparent[version] != '-' || !hexadecimal(trace) || traceparent[version+1+id] != '-' ||
		!hexadecimal(traceparent[version+id+2:version+id+2+parent]) || traceparent[version+id+2+parent] != '-' {
		return ""
	}
	for i := range len(trace) {
		if trace[i] != '0' {
			return trace
		}
	}
	return ""
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
