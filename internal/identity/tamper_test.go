package identity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// flips calls check with the text after each single-bit change of it.
func flips(text string, check func(flipped string, bit int)) {
	data := []byte(text)
	for bit := range len(data) * 8 {
		data[bit/8] ^= 1 << (bit % 8)
		check(string(data), bit)
		data[bit/8] ^= 1 << (bit % 8)
	}
}

// Law: flipping any bit of what is covered, of the signature or of its parameters denies.
func TestEveryBitIsEvidence(t *testing.T) {
	t.Parallel()
	m := sample()
	signed := newDraft(m).apply(m)
	if _, err := Verify(signed, keyring{}, noon); err != nil {
		t.Fatal(err)
	}
	denied := func(place string, flipped Message, bit int) {
		if _, err := Verify(flipped, keyring{}, noon); err == nil {
			t.Errorf("%s with bit %d flipped still verifies", place, bit)
		}
	}
	parts := map[string]func(*Message) *string{
		"method":    func(m *Message) *string { return &m.Method },
		"authority": func(m *Message) *string { return &m.Authority },
		"path":      func(m *Message) *string { return &m.Path },
		"query":     func(m *Message) *string { return &m.RawQuery },
	}
	for place, part := range parts {
		original := *part(&signed)
		flips(original, func(flipped string, bit int) {
			if place == "authority" && strings.EqualFold(flipped, original) {
				return // a host has no case
			}
			changed := signed
			*part(&changed) = flipped
			denied(place, changed, bit)
		})
	}
	for i, field := range signed.Header {
		if !mustCover(field.Name) && field.Name != "content-type" && !strings.HasPrefix(field.Name, "signature") {
			continue
		}
		changed := signed
		changed.Header = slices.Clone(signed.Header)
		flips(field.Name, func(flipped string, bit int) {
			changed.Header[i].Name = flipped
			denied(fmt.Sprintf("name of field %d, %s,", i, field.Name), changed, bit)
		})
		changed.Header[i].Name = field.Name
		flips(field.Value, func(flipped string, bit int) {
			changed.Header[i].Value = flipped
			denied(fmt.Sprintf("field %d, %s,", i, field.Name), changed, bit)
		})
	}
}

func TestTampering(t *testing.T) {
	t.Parallel()
	index := func(h Header, name string) int {
		return slices.IndexFunc(h, func(f Field) bool { return f.Name == name })
	}
	tests := []struct {
		name string
		edit func(*Message)
		want Reason
	}{
		{"field-dropped", func(m *Message) {
			i := index(m.Header, "agent-delegation")
			m.Header = slices.Delete(m.Header, i, i+1)
		}, Malformed},
		{"line-dropped", func(m *Message) {
			i := index(m.Header, "a2a-extensions")
			m.Header = slices.Delete(m.Header, i, i+1)
		}, BadSignature},
		{"line-added", func(m *Message) { m.Header = append(m.Header, Field{"a2a-version", "0.3"}) }, BadSignature},
		{"lines-swapped", func(m *Message) {
			i := index(m.Header, "a2a-extensions")
			m.Header[i], m.Header[i+1] = m.Header[i+1], m.Header[i]
		}, BadSignature},
		{"new-a2a-field", func(m *Message) { m.Header = append(m.Header, Field{"a2a-later", ""}) }, Uncovered},
		{"query-dropped", func(m *Message) { m.RawQuery, m.HasQuery = "", false }, BadSignature},
		{"line-injected", func(m *Message) { m.Header[index(m.Header, "a2a-version")].Value += "\n\"x\": y" }, Malformed},
		{"line-end-in-path", func(m *Message) { m.Path += "\n" }, Malformed},
		{"unicode-in-path", func(m *Message) { m.Path += "é" }, Malformed},
		{"no-method", func(m *Message) { m.Method = "" }, Malformed},
		{"no-authority", func(m *Message) { m.Authority = "" }, Malformed},
		{"scheme-that-drops-the-port", func(m *Message) { m.Authority += ":80" }, BadSignature},
		{"signature-stripped", func(m *Message) { m.Header = m.Header[:len(m.Header)-2] }, Missing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			m = newDraft(m).apply(m)
			tt.edit(&m)
			_, err := Verify(m, keyring{}, noon)
			wantRefusal(t, err, tt.want)
		})
	}
}

// What does not have to be covered when absent has to be once it is added.
func TestAdditionsAreUncovered(t *testing.T) {
	t.Parallel()
	bare := Message{Method: "GET", Authority: "billing.mesh.example", Path: "/card"}
	signed := newDraft(bare).apply(bare)
	if _, err := Verify(signed, keyring{}, noon); err != nil {
		t.Fatal(err)
	}
	additions := map[string]func(*Message){
		"query":       func(m *Message) { m.RawQuery = "x=1" },
		"empty-query": func(m *Message) { m.HasQuery = true },
		"body":        func(m *Message) { m.HasBody = true },
	}
	for _, name := range []string{"content-digest", "authorization", "agent-delegation", "agent-gate", "a2a-version", "a2a-x", "x-a2a-extensions"} {
		additions[name] = func(m *Message) { m.Header = append(slices.Clone(m.Header), Field{name, ""}) }
	}
	for name, add := range additions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := signed
			add(&m)
			_, err := Verify(m, keyring{}, noon)
			wantRefusal(t, err, Uncovered)
		})
	}
}
