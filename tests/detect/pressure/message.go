package pressure

import (
	"fmt"

	"ringfence.dev/ringfence/internal/a2a"
)

// Message is a text of a unit that, repeated as one of its own each time, presses on the inspection.
type Message struct {
	Name string
	// member is the name of the member that each value has, or empty where they are parts.
	member string
	unit   Unit
	bytes  int // of each value
}

// memberBytes is about what a member takes in a body beside its name and its value.
const memberBytes = 6

// Texts returns the texts of a message of about so many bytes.
func (m Message) Texts(bytes int) []a2a.Text {
	value := a2a.Text{Value: m.unit.Text(m.bytes), Kind: a2a.KindText}
	if m.member != "" {
		value.Kind = a2a.KindFree
	}
	var texts []a2a.Text
	for n := 0; n < bytes; n += len(m.member) + len(value.Value) + memberBytes {
		if m.member != "" {
			texts = append(texts, a2a.Text{Value: m.member, Key: true})
		}
		texts = append(texts, value)
	}
	return texts
}

// Messages returns messages of many short values of each unit, as parts and as values with the names of secrets.
func Messages() []Message {
	var all []Message
	for _, unit := range Units() {
		for _, bytes := range []int{60, 250} {
			for _, member := range []string{"", "pwd", "password_token_secret_api_key"} {
				name := fmt.Sprintf("%s-%d", unit.Name, bytes)
				if member != "" {
					name += "-as-" + member
				}
				all = append(all, Message{name, member, unit, bytes})
			}
		}
	}
	return all
}
