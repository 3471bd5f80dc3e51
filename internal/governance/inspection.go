package governance

import (
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/inspect"
)

// inspection is what texts are held against.
type inspection struct {
	scanner    Scanner
	treatments inspect.Treatments
}

// reading is texts of one writer, and how they are judged.
type reading struct {
	texts []a2a.Text
	// body is where they stand: that of a request, or what was answered to it.
	body      []byte
	answered  bool
	direction inspect.Direction
	// ring is the one in which their writer acts.
	ring agent.Ring
	mode ContentMode
	// pieces are what the texts add to strands of a stream.
	pieces []piece
	// thresholds reports that policies have a say in what is found.
	thresholds bool
	// echo reports that the texts are repeated by somebody else than who wrote them: what would be blocked is taken out.
	echo bool
	// packed are the same texts with the content of files in base64, as it stands in JSON; nil where it does not.
	packed []a2a.Text
}

// scan returns what is found in the texts, and with each piece of a strand in what was said in that before.
func (i inspection) scan(r *reading) []inspect.Finding {
	opts := inspect.Options{Direction: r.direction}
	if len(r.pieces) == 1 {
		opts.Prior = r.pieces[0].end
	}
	findings := i.scanner.Scan(r.texts, opts)
	if len(r.pieces) == 1 && r.pieces[0].all(r.texts) {
		return findings
	}
	// What else the answer says may stand between the pieces. Readers who put them together leave it out.
	for _, p := range r.pieces {
		if opts.Prior = p.end; p.end != "" {
			findings = append(findings, p.among(i.scanner.Scan(p.of(r.texts), opts))...)
		}
	}
	return findings
}

// action returns what becomes of the texts for a finding.
func (i inspection) action(r *reading, f inspect.Finding) inspect.Action {
	action := r.mode.Action(i.treatments, f, r.direction, r.ring)
	if r.echo && action == inspect.Block && f.Text >= 0 {
		return inspect.Redact
	}
	return action
}

// judge holds texts against the rules, and what they find against the thresholds that policies set: these count whatever
// the mode is. It returns what has to be taken out of the texts before they may pass.
func (i inspection) judge(x *Exchange, r reading) (Verdict, []inspect.Finding) {
	if len(r.texts) == 0 || r.mode == ContentOff && !r.thresholds {
		return allow(), nil
	}
	if i.scanner == nil {
		return Verdict{}, nil
	}
	findings := i.scan(&r)
	if len(findings) == 0 {
		return allow(), nil
	}
	verdict, written, worst := allow(), allow(), inspect.Low
	var evidence []string
	var cuts []inspect.Finding
	actions := i.actions(&r, findings)
	x.found(&r, findings, actions)
	for at, f := range findings {
		switch actions[at] {
		case inspect.Block:
			verdict = verdict.Meet(blocked(f))
			worst = max(worst, f.Severity)
			verdict.Severity = worst.String()
		case inspect.Redact:
			cuts = append(cuts, f)
		}
		evidence = with(evidence, f.Rule)
		if !r.echo {
			by := x.meets(f, r.direction)
			evidence = with(evidence, by.Evidence...)
			written = written.Meet(by)
		}
	}
	// What the mesh itself blocks weighs on the sender's trust, so it is told first.
	verdict = verdict.Meet(written)
	verdict.Evidence = evidence
	return verdict, cuts
}

func blocked(f inspect.Finding) Verdict {
	return deny(Forbidden, GatewaySide, "content-"+f.Class, "the message holds content that is not let through")
}

// unredactable refuses a message for what stands where it cannot be taken out.
func unredactable(v Verdict, cuts []inspect.Finding) Verdict {
	worst := slices.MaxFunc(cuts, func(a, b inspect.Finding) int { return int(a.Severity) - int(b.Severity) })
	w := blocked(worst)
	w.Message = "the message holds content that is not let through, where it cannot be taken out"
	w.Severity, w.Evidence = max(worst.Severity, inspect.Low).String(), v.Evidence
	return w
}

// redacted returns what the texts say without what was found, by their indices. It reports false when that cannot be told,
// or when what is left would not be let through either.
func (i inspection) redacted(r reading, cuts []inspect.Finding) (map[int]string, bool) {
	if len(cuts) == 0 {
		return nil, true
	}
	ok := true
	if len(r.packed) > 0 {
		if r.texts, cuts, ok = i.unpacked(r, cuts); !ok {
			return nil, false
		}
	}
	return inspect.Cleaned(r.texts, cuts, func(left []a2a.Text) ([]inspect.Finding, bool) {
		r.texts = left
		return i.cuts(r)
	})
}

// cuts returns what has to be taken out of the texts. It reports false for something that is not let through at all.
func (i inspection) cuts(r reading) (cuts []inspect.Finding, ok bool) {
	for _, f := range i.scan(&r) {
		switch i.action(&r, f) {
		case inspect.Block:
			return nil, false
		case inspect.Redact:
			cuts = append(cuts, f)
		}
	}
	return cuts, true
}

// replaced returns the texts with the new values.
func replaced(texts []a2a.Text, values map[int]string) []a2a.Text {
	if len(values) == 0 {
		return texts
	}
	texts = slices.Clone(texts)
	for i, value := range values {
		texts[i].Value = value
	}
	return texts
}

// read returns the texts with the words that readers find in the content of files, in the place of what it is encoded in.
func read(texts []a2a.Text, b a2a.Binding) []a2a.Text {
	content := func(t a2a.Text) bool { return t.Kind == a2a.KindBytes }
	if !slices.ContainsFunc(texts, content) {
		return texts
	}
	texts = slices.Clone(texts)
	for i := range texts {
		if content(texts[i]) {
			texts[i].Value = texts[i].Words(b)
		}
	}
	return texts
}

// steps returns where one of the texts stands.
func (r *reading) steps(x *Exchange, t a2a.Text) []a2a.Step {
	if r.answered {
		return x.Operation.AnswerSteps(t, r.body)
	}
	return x.Operation.Steps(t, r.body)
}

// actions returns what becomes of the texts for each finding.
func (i inspection) actions(r *reading, findings []inspect.Finding) []inspect.Action {
	actions := make([]inspect.Action, len(findings))
	for at, f := range findings {
		actions[at] = i.action(r, f)
	}
	return actions
}

// maxFound bounds how many findings the record of an exchange has, and in how many texts of one reading they are: to tell
// the place of a text, the body is walked up to it.
const maxFound = 64

// found notes findings for the record, those that something follows from before all that are only flagged: many of the one
// kind must not hide the other. The record has the places, and nothing of what stands there.
func (x *Exchange) found(r *reading, findings []inspect.Finding, actions []inspect.Action) {
	places := map[int]string{}
	for _, action := range []inspect.Action{inspect.Block, inspect.Redact, inspect.Flag} {
		for at := 0; at < len(findings) && len(x.findings) < maxFound; at++ {
			if actions[at] == action {
				x.foundOne(r, findings[at], action, places)
			}
		}
	}
}

func (x *Exchange) foundOne(r *reading, f inspect.Finding, action inspect.Action, places map[int]string) {
	place, known := places[f.Text]
	if !known && f.Text >= 0 && f.Text < len(r.texts) {
		if len(places) == maxFound {
			return
		}
		place = Place(r.steps(x, r.texts[f.Text]))
		places[f.Text] = place
	}
	finding := audit.Finding{
		Rule: f.Rule, Class: f.Class, Severity: f.Severity.String(), Action: action.String(), Direction: r.direction.String(),
		View: f.View, Place: place, Start: f.Start, End: f.End,
	}
	if !slices.Contains(x.findings, finding) {
		x.findings = append(x.findings, finding)
	}
}
