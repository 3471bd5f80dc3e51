package inspect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
)

// unclassifiedRule is the finding where the classifier has not told all that it should have.
const unclassifiedRule = "unclassified"

// Layers judges texts by rules and then, if there is one, by a classifier of what they ask for. It is immutable and safe
// for concurrent use; make it with NewLayers. The zero value lets nothing through.
type Layers struct {
	set        *Set
	classifier Classifier
	thresholds Thresholds
	hash       string
}

var errNoSet = errors.New("there are no rules")

// NewLayers puts a classifier behind a set of rules; nil is none, which costs nothing. The thresholds must name known
// intents, with bands that rise.
func NewLayers(set *Set, classifier Classifier, thresholds Thresholds) (*Layers, error) {
	if set == nil {
		return nil, errNoSet
	}
	if err := thresholds.check(); err != nil {
		return nil, fmt.Errorf("reading thresholds of intents: %w", err)
	}
	l := &Layers{set: set, classifier: classifier, thresholds: thresholds, hash: set.Hash()}
	if classifier == nil {
		return l, nil
	}
	// Marshalling strings, numbers and sorted maps cannot fail.
	encoded, _ := json.Marshal([]any{set.Hash(), classifier.Hash(), defaultBands, thresholds})
	sum := sha256.Sum256(encoded)
	l.hash = hex.EncodeToString(sum[:])
	return l, nil
}

// Hash identifies the rules, the classifier and the thresholds. Equal hashes give equal findings.
func (l *Layers) Hash() string {
	if l == nil {
		return ""
	}
	return l.hash
}

// Classes returns the classes that findings can have, sorted.
func (l *Layers) Classes() []string {
	if l == nil {
		return (*Set)(nil).Classes()
	}
	classes := l.set.Classes()
	if l.classifier != nil {
		for _, name := range intents {
			classes = append(classes, intentClass(name))
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// Scan returns what the rules find and then what the texts ask for. An intent is flagged: what becomes of the message is
// for a treatment or policy to say. A classifier that fails, that says what cannot be, or that there is too much text
// for is one blocking finding of the class of the inspection itself.
func (l *Layers) Scan(texts []a2a.Text, opts Options) []Finding {
	if l == nil || l.classifier == nil || l.set == nil || len(l.set.rules) == 0 {
		return l.rules().Scan(texts, opts)
	}
	w := &windows{texts: texts}
	findings := l.set.scan(texts, opts, w)
	if len(w.all) == 0 {
		return findings
	}
	found, err := l.classify(w.all)
	intended, sound := l.told(found, w.all)
	findings = append(findings, intended...)
	if err != nil || !sound || w.over {
		findings = append(findings, unjudged(unclassifiedRule))
	}
	return findings
}

func (l *Layers) rules() *Set {
	if l == nil {
		return nil
	}
	return l.set
}

var errClassifier = errors.New("the classifier failed")

func (l *Layers) classify(all []Window) (found []Intent, err error) {
	defer func() {
		if recover() != nil {
			found, err = nil, errClassifier
		}
	}()
	return l.classifier.Classify(all)
}

// told returns the findings for intents, ordered by class and place, and whether all intents are sound.
func (l *Layers) told(found []Intent, all []Window) (told []Finding, sound bool) {
	sound = len(found) <= len(all)*len(intents)
	for i := range found[:min(len(found), len(all)*len(intents))] {
		in := &found[i]
		if !in.sound(all) {
			sound = false
			continue
		}
		severity := l.thresholds.of(in.Name).of(in.Score)
		if severity == Unrated {
			continue
		}
		f, fresh := all[in.Window].at(in.Start, in.End)
		if !fresh {
			continue
		}
		f.Rule, f.Class, f.Severity, f.Action = intentClass(in.Name), intentClass(in.Name), severity, Flag
		told = append(told, f)
	}
	return merge(told), sound
}

// merge makes one finding of those of one intent that overlap, as windows do.
func merge(told []Finding) []Finding {
	slices.SortFunc(told, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), a.Text-b.Text, cmp.Compare(a.View, b.View), a.Start-b.Start, a.Last-b.Last, a.LastEnd-b.LastEnd)
	})
	kept := told[:0]
	for _, f := range told {
		if n := len(kept); n > 0 {
			last := &kept[n-1]
			if last.Class == f.Class && last.Text == f.Text && last.View == f.View && last.Last == f.Last && f.Start <= last.End {
				last.End, last.LastEnd, last.Severity = max(last.End, f.End), max(last.LastEnd, f.LastEnd), max(last.Severity, f.Severity)
				continue
			}
		}
		kept = append(kept, f)
	}
	return kept
}
