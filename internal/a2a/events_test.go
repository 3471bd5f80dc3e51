package a2a_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// run is an Event with strings for slices.
type run struct {
	Raw, Data, Name string
	Told            bool
}

func copyOf(e a2a.Event) run { return run{string(e.Raw), string(e.Data), string(e.Name), e.Told} }

// split feeds the chunks, each in memory that is overwritten once it has been read, and returns all runs.
func split(limit int, chunks ...string) ([]run, error) {
	e := a2a.NewEvents(limit)
	var runs []run
	for _, chunk := range chunks {
		memory := []byte(chunk)
		e.Feed(memory)
		for {
			event, ok, err := e.Next()
			if err != nil {
				return runs, err
			}
			if !ok {
				break
			}
			runs = append(runs, copyOf(event))
		}
		for i := range memory {
			memory[i] = '#'
		}
	}
	rest, err := e.Rest()
	if err != nil {
		return runs, err
	}
	if len(rest.Raw) > 0 {
		runs = append(runs, copyOf(rest))
	}
	return runs, nil
}

func told(runs []run) []run {
	var list []run
	for _, r := range runs {
		if r.Told {
			list = append(list, r)
		}
	}
	return list
}

func joinRaw(runs []run) string {
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(r.Raw)
	}
	return b.String()
}

var streams = []struct {
	name, stream string
	want         []run
}{
	{"empty", "", nil},
	{"one-event", "data: {}\n\n", []run{{"data: {}\n\n", "{}", "", true}}},
	{"two-events", "data: 1\n\ndata: 2\n\n", []run{{"data: 1\n\n", "1", "", true}, {"data: 2\n\n", "2", "", true}}},
	{"no-space-behind-colon", "data:1\n\n", []run{{"data:1\n\n", "1", "", true}}},
	{"only-first-space-goes", "data:  1 \n\n", []run{{"data:  1 \n\n", " 1 ", "", true}}},
	{"several-data-lines", "data: a\ndata\ndata: b\n\n", []run{{"data: a\ndata\ndata: b\n\n", "a\n\nb", "", true}}},
	{"empty-data", "data\n\n", []run{{"data\n\n", "", "", true}}},
	{"name-and-id", "id: 7\nevent: error\nretry: 5\ndata: x\n\n", []run{
		{"id: 7\nevent: error\nretry: 5\ndata: x\n\n", "x", "error", true},
	}},
	{"last-name-counts", "event: a\ndata: x\nevent: b\n\n", []run{{"event: a\ndata: x\nevent: b\n\n", "x", "b", true}}},
	{"carriage-return-line-feed", "data: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n", []run{
		{"data: 1\r\ndata: 2\r\n\r", "1\n2", "", true},
		{"\n", "", "", false},
		{"data: 3\r\n\r", "3", "", true},
		{"\n", "", "", false},
	}},
	{"carriage-returns", "data: 1\rdata: 2\r\rdata: 3\r\r", []run{
		{"data: 1\rdata: 2\r\r", "1\n2", "", true},
		{"data: 3\r\r", "3", "", true},
	}},
	{"mixed-line-ends", "data: 1\r\n\ndata: 2\n\r\n", []run{
		{"data: 1\r\n\n", "1", "", true},
		{"data: 2\n\r", "2", "", true},
		{"\n", "", "", false},
	}},
	{"comments-pass-at-once", ": keep-alive\n\n: keep-alive\r\n", []run{
		{": keep-alive\n", "", "", false},
		{"\n", "", "", false},
		{": keep-alive\r", "", "", false},
		{"\n", "", "", false},
	}},
	{"comment-inside-event", "data: 1\n: hi\ndata: 2\n\n", []run{{"data: 1\n: hi\ndata: 2\n\n", "1\n2", "", true}}},
	{"fields-without-data", "id: 1\nfoo\n\ndata: x\n\n", []run{
		{"id: 1\nfoo\n\n", "", "", false}, {"data: x\n\n", "x", "", true},
	}},
	{"name-does-not-outlive-its-block", "event: a\n\ndata: x\n\n", []run{
		{"event: a\n\n", "", "", false}, {"data: x\n\n", "x", "", true},
	}},
	{"names-are-exact", "datum: a\ndat: b\nx-data: c\ndata: d\n\n", []run{
		{"datum: a\ndat: b\nx-data: c\ndata: d\n\n", "d", "", true},
	}},
	{"colon-in-value", "data: a: b\n\n", []run{{"data: a: b\n\n", "a: b", "", true}}},
	{"byte-order-mark", "\uFEFFdata: x\n\n", []run{{"\uFEFF", "", "", false}, {"data: x\n\n", "x", "", true}}},
	{"second-byte-order-mark", "\uFEFF\uFEFFid: x\n\n", []run{
		{"\uFEFF", "", "", false}, {"\uFEFFid: x\n\n", "", "", false},
	}},
	{"later-byte-order-mark", "data: x\n\n\uFEFFid: y\n\n", []run{
		{"data: x\n\n", "x", "", true}, {"\uFEFFid: y\n\n", "", "", false},
	}},
	{"text-beyond-ascii", "data: \"Zürich 😀\"\n\n", []run{{"data: \"Zürich 😀\"\n\n", `"Zürich 😀"`, "", true}}},
	{"unfinished-event", "data: 1\n\ndata: 2\n", []run{{"data: 1\n\n", "1", "", true}, {"data: 2\n", "2", "", true}}},
	{"unfinished-line", "data: 1\ndata: 2", []run{{"data: 1\ndata: 2", "1\n2", "", true}}},
	{"unfinished-comment", ": keep", []run{{": keep", "", "", false}}},
	{"unfinished-mark", "\uFEFF"[:2], []run{{"\uFEFF"[:2], "", "", false}}},
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for _, tc := range streams {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			whole, err := split(1<<10, tc.stream)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, whole); diff != "" {
				t.Errorf("in one chunk (-want +got):\n%s", diff)
			}
			bytewise, err := split(1<<10, strings.Split(tc.stream, "")...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, bytewise); diff != "" {
				t.Errorf("in chunks of one character (-want +got):\n%s", diff)
			}
		})
	}
}

// An event must not wait for the bytes behind it, or the last event of a quiet stream would hang.
func TestEventIsReturnedWithItsLastByte(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r", "\n\r"} {
		e := a2a.NewEvents(100)
		for _, c := range "data: x" + end[:len(end)-1] {
			e.Feed([]byte(string(c)))
			if event, ok, err := e.Next(); ok || err != nil {
				t.Fatalf("%q came early: %q, %v", end, event.Raw, err)
			}
		}
		e.Feed([]byte(end[len(end)-1:]))
		if event, ok, err := e.Next(); !ok || err != nil || string(event.Data) != "x" {
			t.Errorf("%q: got %v, %v, %q", end, ok, err, event.Data)
		}
	}
}

func TestEventLimit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, stream string
		limit        int
		runs         int
		fails        bool
	}{
		{"event-at-limit", "data: 12\n\n", 10, 1, false},
		{"event-over-limit", "data: 123\n\n", 10, 0, true},
		{"unfinished-event-at-limit", "data: 1234", 10, 1, false},
		{"unfinished-event-over-limit", "data: 12345", 10, 0, true},
		{"over-limit-behind-others", "data: 1\n\n:\ndata: 123456789\n\n", 10, 2, true},
		{"many-lines", "data\ndata\ndata\n\n", 10, 0, true},
		{"comment-over-limit", ":123456789\n", 10, 0, true},
		{"many-events-in-one-chunk", strings.Repeat("data: 1\n\n", 100), 10, 100, false},
		{"zero-limit", "\n", 0, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, chunks := range [][]string{{tc.stream}, strings.Split(tc.stream, "")} {
				runs, err := split(tc.limit, chunks...)
				if len(runs) != tc.runs || errors.Is(err, a2a.ErrEventTooLarge) != tc.fails {
					t.Errorf("%d chunks: %d runs and %v, want %d and failure %v", len(chunks), len(runs), err, tc.runs, tc.fails)
				}
			}
		})
	}
}

func TestEventsStayFailed(t *testing.T) {
	t.Parallel()
	e := a2a.NewEvents(10)
	e.Feed([]byte("data: 123456789\n\ndata: 1\n\n"))
	for range 3 {
		if event, ok, err := e.Next(); ok || !errors.Is(err, a2a.ErrEventTooLarge) || event.Raw != nil {
			t.Fatalf("got %q, %v, %v", event.Raw, ok, err)
		}
		e.Feed([]byte("data: 1\n\n"))
	}
	if rest, err := e.Rest(); rest.Raw != nil || !errors.Is(err, a2a.ErrEventTooLarge) {
		t.Errorf("rest %q of a failed stream, %v", rest.Raw, err)
	}
	if held := e.Held(); held != 0 {
		t.Errorf("%d bytes of a failed stream are kept", held)
	}
}

// TestEventsRefuseWhatIsDataToSome has lines that are no data by the standard, and are to clients which split lines as
// Unicode or Python do, or trim them.
func TestEventsRefuseWhatIsDataToSome(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, stream string }{
		{"line-separator-in-a-comment", ": \u2028data: {}\n\n"},
		{"paragraph-separator-in-a-field", "id: \u2029data: {}\ndata: 1\n\n"},
		{"next-line-in-a-name", "event: x\u0085data: {}\ndata: 1\n\n"},
		{"form-feed", ":\fdata: {}\n\n"},
		{"vertical-tab-in-an-unknown-field", "x:\vdata: {}\n\n"},
		{"file-separator", "retry: 1\x1Cdata: {}\n\n"},
		{"zero-byte", "id: 1\x00\n\n"},
		{"space-before", " data: {}\n\n"},
		{"space-behind", "data : {}\n\n"},
		{"mark-within-the-stream", "data: 1\n\n\uFEFFdata: {}\n\n"},
		{"no-stream-at-all", "{\"x\": {}}\n\n"},
		{"capital-letters", "DATA: {}\n\n"},
		{"without-an-end", " data: {}"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, chunks := range [][]string{{tc.stream}, strings.Split(tc.stream, "")} {
				if runs, err := split(100, chunks...); !errors.Is(err, a2a.ErrEventAmbiguous) || strings.Contains(joinRaw(runs), "{}") {
					t.Errorf("%q: got %+v, %v", chunks, runs, err)
				}
			}
		})
	}
}

// TestEventsTellWhatIsNoData wants every line that is no data, so that it can be judged too.
func TestEventsTellWhatIsNoData(t *testing.T) {
	t.Parallel()
	e := a2a.NewEvents(100)
	e.Feed([]byte(": one\n\nevent: two\r\nid: 3\rdata: 4\nfive=5\n\ndata: \u2028\n\nx"))
	var got []string
	for {
		event, ok, err := e.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, string(event.Aside))
	}
	rest, err := e.Rest()
	if err != nil {
		t.Fatal(err)
	}
	got = slices.DeleteFunc(append(got, string(rest.Aside)), func(s string) bool { return s == "" })
	if diff := cmp.Diff([]string{": one", "event: two\nid: 3\nfive=5", "x"}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzEvents(f *testing.F) {
	for _, tc := range streams {
		f.Add([]byte(tc.stream), uint64(1))
	}
	f.Add([]byte("\uFEFF: hi\r\n\r\nid: 1\r\ndata: {\r\ndata: }\r\n\r\ndata\r\r\n\n"), uint64(7))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		const limit = 64
		whole, wholeErr := split(limit, string(stream))
		random := rand.New(rand.NewPCG(seed, 0))
		var chunks []string
		for rest := string(stream); rest != ""; {
			n := random.IntN(min(len(rest), 12) + 1)
			chunks = append(chunks, rest[:n])
			rest = rest[n:]
		}
		cut, cutErr := split(limit, chunks...)
		if (wholeErr == nil) != (cutErr == nil) {
			t.Fatalf("in one chunk %v, in %d %v", wholeErr, len(chunks), cutErr)
		}
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Errorf("one chunk against %q:\n%s", chunks, diff)
		}
		if got := joinRaw(cut); wholeErr == nil && got != string(stream) || !strings.HasPrefix(string(stream), got) {
			t.Errorf("the runs are %q, the stream %q", got, stream)
		}
		if wholeErr == nil {
			if diff := cmp.Diff(toldByStandard(stream), told(whole), cmp.Transformer("", func(r run) [2]string {
				return [2]string{r.Data, r.Name}
			})); diff != "" {
				t.Errorf("against the standard's algorithm:\n%s", diff)
			}
		}
	})
}

// toldByStandard reads a whole stream in the words of the standard, except that the end of the stream ends an event.
func toldByStandard(stream []byte) []run {
	stream = bytes.TrimPrefix(stream, []byte("\uFEFF"))
	text := strings.ReplaceAll(strings.ReplaceAll(string(stream), "\r\n", "\n"), "\r", "\n")
	var list []run
	var data []string
	name := ""
	for _, line := range append(strings.Split(text, "\n"), "") {
		if line == "" {
			if data != nil {
				list = append(list, run{Data: strings.Join(data, "\n"), Name: name})
			}
			data, name = nil, ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data = append(data, value)
		case "event":
			name = value
		}
	}
	return list
}
