package inspect

import (
	"fmt"
	"math"
	"slices"
)

// Window is a stretch of a text in the form in which rules see it, short enough that what it asks for is not diluted by
// what stands around it. Windows of one text overlap by half.
type Window struct {
	// Text is the index of the text where the window begins, and Start and End its byte offsets in the Value of that text;
	// in decoded views the span that was decoded, and in the joined view the window may go on in later texts.
	Text, Start, End int
	// View is one of the View constants.
	View string
	// Canonical is what the window reads: at most windowTokens words in canonical form.
	Canonical string

	place Finding // where the whole window stands
	from  int     // the offset of the window in its view
	in    *reading
}

// Intent is what a window asks for.
type Intent struct {
	// Name is one of Intents.
	Name string
	// Score is how sure the classifier is, from 0 to 1, calibrated.
	Score float64
	// Window is the index of the window, and Start and End the byte offsets in its Canonical of the words that show the
	// intent; both 0 mean all of it.
	Window, Start, End int
}

// Classifier tells what windows ask for. It must be pure and safe for concurrent use; an error means that it could not
// tell, not that it found nothing.
type Classifier interface {
	Classify(windows []Window) ([]Intent, error)
	// Hash identifies the classifier: equal hashes give equal intents.
	Hash() string
}

var intents = []string{
	"code-execution", "credential-request", "data-destruction", "exfiltration", "injection-override", "jailbreak-persona",
	"privilege-escalation", "prompt-leak", "social-engineering", "system-modification",
}

// Intents returns the names that a Classifier may give to what a window asks for, sorted.
func Intents() []string { return slices.Clone(intents) }

// intentClass is the class and the rule of findings about an intent.
func intentClass(name string) string { return "intent-" + name }

// Bands are the lowest scores of the severities, in rising order, each above 0 and at most 1. A score below all of them is
// no finding.
type Bands struct{ Low, Medium, High, Critical float64 }

// defaultBands are those of intents for which nobody has set others.
var defaultBands = Bands{Low: 0.5, Medium: 0.7, High: 0.85, Critical: 0.95}

// of returns the severity of a score; Unrated is none.
func (b Bands) of(score float64) Severity {
	switch {
	case score >= b.Critical:
		return Critical
	case score >= b.High:
		return High
	case score >= b.Medium:
		return Medium
	case score >= b.Low:
		return Low
	}
	return Unrated
}

func (b Bands) valid() bool {
	return b.Low > 0 && b.Low <= b.Medium && b.Medium <= b.High && b.High <= b.Critical && b.Critical <= 1
}

// Thresholds are the bands of intents by name. An intent without an entry has the default bands: low from 0.5, medium from
// 0.7, high from 0.85 and critical from 0.95.
type Thresholds map[string]Bands

func (t Thresholds) of(name string) Bands {
	if b, ok := t[name]; ok {
		return b
	}
	return defaultBands
}

func (t Thresholds) check() error {
	for name, b := range t {
		if !slices.Contains(intents, name) {
			return fmt.Errorf("there is no intent %q", name)
		}
		if !b.valid() {
			return fmt.Errorf("intent %q: bands must rise from above 0 to at most 1", name)
		}
	}
	return nil
}

// sound reports whether an intent says what an intent can say of the windows.
func (i *Intent) sound(windows []Window) bool {
	if !slices.Contains(intents, i.Name) || math.IsNaN(i.Score) || i.Score < 0 || i.Score > 1 {
		return false
	}
	return i.Window >= 0 && i.Window < len(windows) &&
		i.Start >= 0 && i.Start <= i.End && i.End <= len(windows[i.Window].Canonical)
}
