package inspect

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

// said reports whether a text is part of what its writer says: no name of a member, no address, identifier, credential or
// file content, and no value that only labels a part. The text of a part that is the name of a format or a UUID says
// nothing either, and must not set apart what stands around it.
func said(t *a2a.Text) bool {
	switch t.Kind {
	case a2a.KindText:
		return !t.Key && t.Value != "" && !mute(t.Value)
	case a2a.KindFree, a2a.KindName:
		return !t.Key && !label(t.Value)
	}
	return false
}

// label reports whether a value names a kind, a media type or an id rather than saying something: such values
// stand between the texts of two parts.
func label(value string) bool {
	switch value {
	case "", "text", "file", "data", "message", "user", "agent", "ROLE_USER", "ROLE_AGENT":
		return true
	}
	if len(value) > 100 || strings.ContainsAny(value, " \t\n") {
		return false
	}
	family, subtype, slash := strings.Cut(value, "/")
	if slash && subtype != "" && mediaFamily(family) {
		return true
	}
	return len(value) >= 8 && strings.ContainsAny(value, "0123456789") && strings.ContainsAny(value, "-_.:")
}

// separates reports whether a text stands between two messages rather than between the parts of one: it is an id, or says
// whose the next message is.
func separates(t *a2a.Text) bool {
	switch t.Value {
	case "message", "user", "agent", "ROLE_USER", "ROLE_AGENT":
		return true
	}
	return t.Kind == a2a.KindID
}

func mediaFamily(s string) bool {
	switch s {
	case "text", "application", "image", "audio", "video", "multipart", "font", "model":
		return true
	}
	return false
}

// mute reports whether a value is a media type that is common, or a UUID: no word of a sentence can be spelled like that.
func mute(value string) bool {
	switch value {
	case "text/plain", "text/html", "text/markdown", "text/csv", "application/json", "application/xml", "application/pdf",
		"application/octet-stream", "image/png", "image/jpeg", "image/gif", "image/webp":
		return true
	}
	if len(value) != len("00000000-0000-0000-0000-000000000000") {
		return false
	}
	for i := range len(value) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (value[i] == '-') || !dash && unhex(value[i]) < 0 {
			return false
		}
	}
	return true
}
