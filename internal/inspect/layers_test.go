package inspect

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// teller is a classifier that tells what a test has it tell.
type teller struct {
	seen    []Window
	intents func(windows []Window) ([]Intent, error)
}

func (f *teller) Hash() string { return "teller" }

func (f *teller) Classify(windows []Window) ([]Intent, error) {
	f.seen = windows
	return f.intents(windows)
}

// spotting tells the intent of each window that holds the word, where it stands.
func spotting(word, name string, score float64) *teller {
	return &teller{intents: func(windows []Window) (found []Intent, err error) {
		for i, w := range windows {
			if at := strings.Index(w.Canonical, word); at >= 0 {
				found = append(found, Intent{Name: name, Score: score, Window: i, Start: at, End: at + len(word)})
			}
		}
		return found, nil
	}}
}

func layers(tb testing.TB, c Classifier, thresholds Thresholds) *Layers {
	tb.Helper()
	l, err := NewLayers(builtin(tb), c, thresholds)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func intended(findings []Finding) (found []Finding) {
	for _, f := range findings {
		if strings.HasPrefix(f.Class, "intent-") || f.Rule == unclassifiedRule {
			found = append(found, f)
		}
	}
	return found
}

func TestIntentsBecomeFindings(t *testing.T) {
	t.Parallel()
	finding := func(s Severity, text, start, end int, view string) Finding {
		return Finding{
			Rule: "intent-exfiltration", Class: "intent-exfiltration", Severity: s, Action: Flag,
			Text: text, Start: start, End: end, Last: text, LastEnd: end, View: view,
		}
	}
	long := strings.Repeat("word ", 100)
	tests := []struct {
		name  string
		score float64
		texts []a2a.Text
		want  []Finding
	}{
		{"low", 0.5, said1("please send it"), []Finding{finding(Low, 0, 7, 11, ViewText)}},
		{"below", 0.49, said1("please send it"), nil},
		{"medium", 0.7, said1("send"), []Finding{finding(Medium, 0, 0, 4, ViewText)}},
		{"high", 0.85, said1("send"), []Finding{finding(High, 0, 0, 4, ViewText)}},
		{"critical", 1, said1("send"), []Finding{finding(Critical, 0, 0, 4, ViewText)}},
		{"canonical", 1, said1("très bien: ｓｅｎｄ it"), []Finding{finding(Critical, 0, 12, 24, ViewCanonical)}},
		{"once-in-overlapping-windows", 1, said1(long[:5*30] + "send " + long), []Finding{finding(Critical, 0, 150, 154, ViewText)}},
		{"second-text", 1, []a2a.Text{{Value: "hello there"}, {Value: "send"}}, []Finding{finding(Critical, 1, 0, 4, ViewText)}},
		{"decoded", 1, said1("see ?q=please%20%73%65nd%20it now"), []Finding{finding(Critical, 0, 16, 24, ViewURL)}},
		{"key-that-says-something", 1, []a2a.Text{{Value: "please_send_it", Key: true}}, []Finding{finding(Critical, 0, 7, 11, ViewText)}},
		{"key", 1, []a2a.Text{{Value: "send", Key: true}}, nil},
		{"identifier", 1, []a2a.Text{{Value: "send", Kind: a2a.KindID}}, nil},
		{"secret", 1, []a2a.Text{{Value: "send", Kind: a2a.KindSecret}}, nil},
		{"cut", 1, []a2a.Text{{Value: "please se", Kind: a2a.KindText}, {Value: "nd it", Kind: a2a.KindText}}, []Finding{{
			Rule: "intent-exfiltration", Class: "intent-exfiltration", Severity: Critical, Action: Flag,
			Start: 7, End: 9, Last: 1, LastEnd: 2, View: ViewJoined,
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := intended(layers(t, spotting("send", "exfiltration", tt.score), nil).Scan(tt.texts, Options{Direction: Request}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThresholdsOfIntents(t *testing.T) {
	t.Parallel()
	l := layers(t, spotting("send", "exfiltration", 0.3), Thresholds{"exfiltration": {0.1, 0.2, 0.3, 0.4}})
	if got := intended(l.Scan(said1("send"), Options{})); len(got) != 1 || got[0].Severity != High {
		t.Errorf("findings = %v, want one that is high", got)
	}
	for name, thresholds := range map[string]Thresholds{
		"unknown": {"mischief": {0.1, 0.2, 0.3, 0.4}}, "zero": {"exfiltration": {}}, "falling": {"exfiltration": {0.4, 0.3, 0.5, 0.6}},
		"above": {"exfiltration": {0.1, 0.2, 0.3, 1.1}}, "no-number": {"exfiltration": {math.NaN(), 0.2, 0.3, 0.4}},
	} {
		if l, err := NewLayers(builtin(t), nil, thresholds); err == nil || l != nil {
			t.Errorf("%s: NewLayers() = %v, %v; want an error", name, l, err)
		}
	}
}

func TestUnsoundClassifiersAreAFinding(t *testing.T) {
	t.Parallel()
	good := Intent{Name: "exfiltration", Score: 1}
	change := func(f func(*Intent)) func([]Window) ([]Intent, error) {
		bad := good
		f(&bad)
		return func([]Window) ([]Intent, error) { return []Intent{bad, good}, nil }
	}
	tests := map[string]func([]Window) ([]Intent, error){
		"error":           func([]Window) ([]Intent, error) { return nil, errors.New("out of memory") },
		"error-and-some":  func([]Window) ([]Intent, error) { return []Intent{good}, errors.New("out of memory") },
		"panic":           func([]Window) ([]Intent, error) { panic("broken") },
		"no-number":       change(func(i *Intent) { i.Score = math.NaN() }),
		"negative":        change(func(i *Intent) { i.Score = -0.1 }),
		"above-one":       change(func(i *Intent) { i.Score = math.Inf(1) }),
		"unknown-name":    change(func(i *Intent) { i.Name = "mischief" }),
		"window-before":   change(func(i *Intent) { i.Window = -1 }),
		"window-behind":   change(func(i *Intent) { i.Window = 1 }),
		"span-backwards":  change(func(i *Intent) { i.Start, i.End = 2, 1 }),
		"span-too-long":   change(func(i *Intent) { i.End = 100 }),
		"span-before":     change(func(i *Intent) { i.Start = -1 }),
		"too-many-to-say": func([]Window) ([]Intent, error) { return make([]Intent, 1000), nil },
	}
	for name, intents := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := layers(t, &teller{intents: intents}, nil).Scan(said1("some words"), Options{})
			if n := len(got); n == 0 || n > 2 || got[n-1] != unjudged(unclassifiedRule) || Conclusive(got) {
				t.Errorf("findings = %v, want one that the text was not classified at the end", got)
			}
		})
	}
}

func TestTooMuchTextToClassifyIsAFinding(t *testing.T) {
	t.Parallel()
	none := &teller{intents: func([]Window) ([]Intent, error) { return nil, nil }}
	text := strings.Repeat("some words here ", maxWindows*windowStep/3+windowTokens)
	got := intended(layers(t, none, nil).Scan(said1(text), Options{}))
	if diff := cmp.Diff([]Finding{unjudged(unclassifiedRule)}, got); diff != "" || len(none.seen) != maxWindows {
		t.Errorf("%d windows, findings (-want +got):\n%s", len(none.seen), diff)
	}
}

func TestWindowsCoverATextAndOverlap(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"words": strings.Repeat("seven ", 205), "short": "one", "no-spaces": strings.Repeat("日本語", 300), "one-word": strings.Repeat("x", 3000),
		"signs": "a " + strings.Repeat("-", 2000) + " b",
	} {
		none := &teller{intents: func([]Window) ([]Intent, error) { return nil, nil }}
		layers(t, none, nil).Scan(said1(text), Options{})
		end := 0
		for i, w := range none.seen {
			if w.View != ViewText && w.View != ViewCanonical {
				continue
			}
			if w.Canonical != text[w.Start:w.End] || len(w.Canonical) > windowTokens*2*tokenBytes || !utf8.ValidString(w.Canonical) {
				t.Errorf("%s: window %d reads %q", name, i, w.Canonical)
			}
			if w.Start > end+1 && strings.Trim(text[end:w.Start], "- ") != "" {
				t.Errorf("%s: nothing reads %q", name, text[end:w.Start])
			}
			if name == "words" && i > 0 && end-w.Start < windowTokens/2*len("seven ")-1 {
				t.Errorf("window %d shares %d bytes with the one before, want half of them", i, end-w.Start)
			}
			end = w.End
		}
		if strings.TrimRight(text[end:], "- ") != "" || len(none.seen) == 0 {
			t.Errorf("%s: nothing reads the last %d bytes", name, len(text)-end)
		}
	}
}

func TestNoClassifierChangesNothing(t *testing.T) {
	t.Parallel()
	s, l := builtin(t), layers(t, nil, nil)
	for _, a := range attacks(t) {
		if diff := cmp.Diff(s.Scan(one(a.text), Options{Direction: Request}), l.Scan(one(a.text), Options{Direction: Request})); diff != "" {
			t.Fatalf("findings (-set +layers):\n%s", diff)
		}
	}
	if l.Hash() != s.Hash() || !cmp.Equal(l.Classes(), s.Classes()) {
		t.Error("hash or classes are not those of the set")
	}
	with := layers(t, spotting("x", "exfiltration", 1), nil)
	if other := layers(t, spotting("x", "exfiltration", 1), Thresholds{"exfiltration": {0.1, 0.2, 0.3, 0.4}}); with.Hash() == l.Hash() || with.Hash() == other.Hash() {
		t.Error("the hash does not cover classifier and thresholds")
	}
	if got := with.Classes(); len(got) != len(s.Classes())+len(intents) {
		t.Errorf("classes = %v", got)
	}
}

func TestLayersWithoutRulesBlock(t *testing.T) {
	t.Parallel()
	if l, err := NewLayers(nil, nil, nil); err == nil || l != nil {
		t.Errorf("NewLayers() = %v, %v; want an error", l, err)
	}
	for name, l := range map[string]*Layers{"nil": nil, "zero": {}} {
		if _, ok := blocks(l.Scan(one("hello"), Options{})); !ok || l.Hash() != "" || len(l.Classes()) != 1 {
			t.Errorf("%s layers let a text through", name)
		}
	}
}

func TestNoClassifierAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations differ under the race detector")
	}
	l, in := layers(t, nil, nil), one(strings.Repeat(plainParagraph, 5))
	l.Scan(in, Options{Direction: Request})
	if n := testing.AllocsPerRun(200, func() { l.Scan(in, Options{Direction: Request}) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}
