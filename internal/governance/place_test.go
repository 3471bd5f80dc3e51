package governance

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// What an agent names its data is what it says, and is not recorded.
func TestPlacesTellNothingOfWhatIsSaid(t *testing.T) {
	t.Parallel()
	const body = `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"zero"},{"data":{"the word is hunter2":{"deep":["one"]},"4111111111111111":"two","1234":"pin"}}]},"metadata":{"note/x":"three"}}`
	op, problem := a2a.ParseHTTPJSON("POST", "/message:send", []byte(body), a2a.Limits{Bytes: 1 << 20, Depth: 32, Members: 1000})
	if problem != nil {
		t.Fatal(problem)
	}
	for value, want := range map[string]string{
		"zero":                "/message/parts/0/text",
		"the word is hunter2": "/message/parts/1/data/*",
		"one":                 "/message/parts/1/data/*/*/0",
		"two":                 "/message/parts/1/data/*",
		"pin":                 "/message/parts/1/data/*",
		"three":               "/metadata/*",
	} {
		found := false
		for _, text := range op.Texts {
			if text.Value == value {
				found = true
				if got := Place(text.Steps([]byte(body))); got != want {
					t.Errorf("%q is at %q, want %q", value, got, want)
				}
			}
		}
		if !found {
			t.Errorf("%q is no text of the message", value)
		}
	}
	if got := Place(a2a.Text{Value: "in the path"}.Steps([]byte(body))); got != "" {
		t.Errorf("a text outside the body is at %q", got)
	}
}
