package a2a

import "strings"

// appendProtoStatus appends the denial as a google.rpc.Status in protobuf, with the details that the other bindings
// have in JSON. Bytes that are not UTF-8, which readers refuse in strings, become U+FFFD.
//
// The numbers are those of Status {code, message, details}, ErrorInfo {reason, domain, metadata}, RetryInfo
// {retry_delay}, Duration {seconds} and Any {type_url, value}.
func (d Denial) appendProtoStatus(b []byte) []byte {
	b = appendNumber(b, 1, uint64(d.GRPC))
	b = appendText(b, 2, d.Message)
	info := appendText(nil, 1, d.Reason)
	info = appendText(info, 2, ErrorDomain)
	for _, m := range d.Metadata {
		entry := appendText(nil, entryKey, m.Key)
		info = appendField(info, 3, appendText(entry, entryValue, m.Value))
	}
	b = appendAny(b, 3, "google.rpc.ErrorInfo", info)
	if d.RetryAfterSeconds > 0 {
		seconds := appendNumber(nil, 1, uint64(d.RetryAfterSeconds))
		b = appendAny(b, 3, "google.rpc.RetryInfo", appendField(nil, 1, seconds))
	}
	return b
}

func appendText(b []byte, number int32, s string) []byte {
	return appendField(b, number, strings.ToValidUTF8(s, "\uFFFD"))
}

// appendAny appends a field that holds the message in a google.protobuf.Any.
func appendAny(b []byte, number int32, name string, message []byte) []byte {
	wrapped := appendField(nil, 1, "type.googleapis.com/"+name)
	return appendField(b, number, appendField(wrapped, 2, message))
}

// maxStatusDepth bounds how deep messages in the details of a status are looked into.
const maxStatusDepth = 16

// StatusTexts returns what stands in a google.rpc.Status in protobuf. Its details can be of any type: what could be a
// text is returned as it stands, and so is what stands in it if it could be a message. Of what is no message it is the
// whole.
func StatusTexts(status []byte) []string {
	texts, ok := statusTexts(nil, status, maxStatusDepth)
	if !ok {
		return []string{string(status)}
	}
	return texts
}

// statusTexts appends the texts of a message, and reports whether it is one.
func statusTexts(texts []string, message []byte, depth int) ([]string, bool) {
	var w wireField
	for pos := 0; pos < len(message); pos = w.end {
		if w.next(message, pos) != sound {
			return texts, false
		}
		content := message[w.start:w.end]
		if w.wire != wireBytes || len(content) == 0 {
			continue
		}
		texts = append(texts, string(content))
		if depth == 0 {
			continue
		}
		if inner, ok := statusTexts(texts, content, depth-1); ok {
			texts = inner
		}
	}
	return texts, true
}
