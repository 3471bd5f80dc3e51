package base64url_test

import (
	"encoding/base64"
	"testing"

	"ringfence.dev/ringfence/internal/base64url"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"whole", "aGVsbG8h", "hello!"},
		{"one-byte", "aA", "h"},
		{"both-special-characters", "-_8", "\xfb\xff"},
		{"empty", "", ""},
		{"padded", "aA==", ""},
		{"pad-bits-set", "aB", ""},
		{"line-end-inside", "aGVs\nbG8h", ""},
		{"line-end-behind", "aGVsbG8h\r\n", ""},
		{"space", "aGVs bG8h", ""},
		{"standard-alphabet", "+/8", ""},
		{"one-character-left", "aGVsb", ""},
		{"no-ascii", "aGVsbG8hé", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := base64url.Decode(c.text)
			if ok != (c.want != "") || ok && string(got) != c.want {
				t.Errorf("Decode(%q) = %q, %v, want %q", c.text, got, ok, c.want)
			}
		})
	}
}

// FuzzDecode holds that no two texts stand for the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "aA", "aB", "aGVsbG8h", "aGVs\nbG8h", "-_8", "aA=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, ok := base64url.Decode(text)
		if ok && base64.RawURLEncoding.EncodeToString(data) != text {
			t.Errorf("%q is another spelling of %x", text, data)
		}
	})
}
