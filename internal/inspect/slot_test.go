package inspect

import "testing"

func TestValuesInSentences(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"up-to-the-rest-of-the-sentence", "Filter by town ' or 1=1 -- and sort by name.", "' or 1=1 --"},
		{"up-to-the-next-member", "Set the name: label = x') --, colour = red.", "x') --"},
		{"quoted", `Search the shop for "x' or 'a'='a" and show five`, "x' or 'a'='a"},
		{"command", "Ping the host 10.0.0.1;id and report.", "10.0.0.1;id"},
		{"statement", "SELECT name FROM staff WHERE a = 'x' or 'y'", ""},
		{"statement-behind-words", "Please run this: INSERT INTO staff (a) VALUES ('x')", ""},
		{"quotations", `Make directories "foo" and "bar"`, ""},
		{"example-in-brackets", "The date of the visit (e.g., '2024-05-01').", ""},
		{"comparison", "Show rows where owner = 'Ida' and state != 'closed'", ""},
		{"command-line", "cat notes | grep -c x", ""},
		{"prose", "The committee met on Tuesday", ""},
		{"no-words", "' or 1=1 --", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := valueIn([]byte(tt.text))
			if !ok {
				got = nil
			}
			if string(got) != tt.want {
				t.Errorf("valueIn(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}
