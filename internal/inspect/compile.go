package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// engineVersion changes whenever the same rules may give other findings.
const engineVersion = "ringfence-inspect-6"

// The bounds of what one rule may ask for.
const (
	maxGroups     = 8
	maxDistance   = 64
	maxExpression = 1024
	maxLiteral    = 64
	// maxProgram keeps an expression small enough for the engine that needs no more than window × program steps.
	maxProgram  = 480
	maxLead     = 160
	maxMost     = 4096
	defaultLead = 24
)

// The price of one run of an expression, in units of fuel: expressionPrice and one for each stepsPrice steps.
const (
	expressionPrice = 8
	stepsPrice      = 8
)

var (
	directions = map[string]Direction{"request": Request, "response": Response, "card": Card}

	severities = map[string]Severity{"low": Low, "medium": Medium, "high": High, "critical": Critical}
	identifier = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	reference  = regexp.MustCompile(`^\$[a-z][a-z0-9-]*$`)
)

// compile turns the book into a Set. The Set is of use only if there are no problems.
func (b *book) compile() *Set {
	s := &Set{}
	words, cues := &index{ids: map[literal]int{}}, &index{ids: map[literal]int{}}
	for group, name := range cueLists {
		for _, l := range b.literals(b.lists[name], nil) {
			cues.add(l, uint16(group))
		}
	}
	groups, same, begins := uint16(cueGroups), b.alike(), [beginnings][]use{}
	for _, id := range slices.Sorted(maps.Keys(b.rules)) {
		d := b.rules[id]
		r := b.rule(d)
		widened := alike(nil)
		if d.prose {
			widened = same
		}
		all := d.all
		if len(d.any) > 0 {
			all = [][]term{d.any}
		}
		if r.groups = uint8(min(len(all), maxGroups)); r.groups > 1 {
			r.mark = int32(s.marks)
			s.marks += int(r.groups)
		}
		r.begins = b.begins(d, all, use{rule: uint16(len(s.rules))}, &begins)
		for group, terms := range all[:r.groups] {
			for _, l := range b.literals(terms, widened) {
				at := words.add(l, 0)
				words.uses[at] = append(words.uses[at], use{uint16(len(s.rules)), uint8(group)})
			}
		}
		if r.unless = -1; len(d.unless) > 0 {
			r.unless = int(groups)
			for _, l := range b.literals(d.unless, nil) {
				cues.add(l, groups)
			}
			groups++
		}
		r.words = r.expression == nil && r.verify.holds == nil
		s.rules, s.gates, s.catalogue = append(s.rules, r), append(s.gates, r.gate), append(s.catalogue, d.info(&r))
	}
	of, uses := rolesOf(append(words.uses, begins[:]...))
	for id := range words.literals {
		words.literals[id].role = of[id]
	}
	copy(s.beginnings[:], of[len(words.literals):])
	if s.words, s.cues = b.automaton(words), b.automaton(cues); s.words != nil {
		s.words.prepare(words.literals)
		s.longest = s.words.longest(words.literals)
	}
	s.literals, s.cueLiterals, s.cueUses = words.literals, cues.literals, cues.groups
	if s.cues != nil {
		s.cueStates = s.cues.states(cues.groups)
	}
	for d := range s.uses {
		s.uses[d] = newRoles(uses, s.gates, Direction(d))
		s.reach[d] = s.reaches(Direction(d))
	}
	s.hash = b.hash()
	var err error
	if s.vocabulary, err = newVocabulary(s); err != nil {
		b.problems = append(b.problems, err)
	}
	s.scans.New = func() any { return newScan(s) }
	return s
}

// index gives equal literals one id.
type index struct {
	ids      map[literal]int
	literals []literal
	uses     [][]use
	groups   [][]uint16
}

func (x *index) add(l literal, group uint16) int {
	at, ok := x.ids[l]
	if !ok {
		at = len(x.literals)
		x.ids[l] = at
		x.literals = append(x.literals, l)
		x.uses = append(x.uses, nil)
		x.groups = append(x.groups, nil)
	}
	x.groups[at] = append(x.groups[at], group)
	return at
}

// automaton compiles the literals of an index.
func (b *book) automaton(x *index) *automaton {
	texts := make([]string, len(x.literals))
	for i := range x.literals {
		texts[i] = x.literals[i].text
	}
	a, err := newAutomaton(texts)
	if err != nil {
		b.problems = append(b.problems, err)
		return a
	}
	for i := range x.literals {
		tail := ending(x.literals[i].text, a.tail)
		x.literals[i].known = uint8(len(tail) - 1 - strings.LastIndexByte(tail, ' '))
	}
	return a
}

// rule checks one draft and compiles all of it but its literals.
func (b *book) rule(d draft) rule {
	r := rule{id: d.id, class: d.class, gate: gate{ordered: d.ordered, distance: int32(d.distance), most: int32(d.most)}}
	if !identifier.MatchString(d.id) || !identifier.MatchString(d.class) {
		b.report(d.position, "id %q and class %q must be words in lower case with hyphens between", d.id, d.class)
	}
	var ok bool
	if r.severity, ok = severities[d.severity]; !ok {
		b.report(d.position, "rule %q: severity %q is none of low, medium, high, critical", d.id, d.severity)
	}
	if r.action, ok = ParseAction(d.action); !ok {
		b.report(d.position, "rule %q: action %q is none of block, redact, flag", d.id, d.action)
	}
	r.places = b.places(d)
	if d.prose {
		r.reads |= traitProse
	}
	if !d.alone {
		r.reads |= traitJoined
	}
	if d.pairs {
		r.reads |= traitPairs
	}
	for _, t := range d.except {
		context, ok := exceptions[t.text]
		if !ok {
			b.report(t.position, "exception %q is none of %s", t.text, names(exceptions))
		}
		r.except |= context
	}
	b.conditions(d, &r)
	if d.prose || r.verify.holds == nil && r.most == 0 {
		r.reads |= traitWords
	}
	if r.verify.value || r.most > 0 {
		r.reads |= traitValue
	}
	if len(d.hits) == 0 && d.signal != "budget" || len(d.misses) == 0 {
		b.report(d.position, "rule %q needs tests: hits and misses", d.id)
	}
	return r
}

// conditions checks what makes the rule hold.
func (b *book) conditions(d draft, r *rule) {
	ways := 0
	for _, present := range []bool{len(d.any) > 0, len(d.all) > 0, d.signal != ""} {
		if present {
			ways++
		}
	}
	if ways != 1 {
		b.report(d.position, "rule %q needs exactly one of any, all and signal", d.id)
	}
	if len(d.all) > maxGroups || len(d.all) == 1 {
		b.report(d.position, "rule %q: all takes 2 to %d groups; for one group use any", d.id, maxGroups)
	}
	if len(d.all) > 1 && (d.distance < 1 || d.distance > maxDistance) {
		b.report(d.position, "rule %q: distance must be 1 to %d words", d.id, maxDistance)
	}
	if len(d.all) == 0 && (d.distance != 0 || d.ordered) {
		b.report(d.position, "rule %q: distance and ordered need all", d.id)
	}
	if d.pairs && d.signal != "" {
		b.report(d.position, "rule %q: pairs needs any or all", d.id)
	}
	var ok bool
	if r.signal, ok = signals[d.signal]; !ok && d.signal != "" {
		b.report(d.position, "rule %q: signal %q is none of %s", d.id, d.signal, names(signals))
	}
	if (d.signal == "budget") != (d.class == classInspection) {
		b.report(d.position, "rule %q: the class %s is for the signal budget, and that has no other", d.id, classInspection)
	}
	if r.verify, ok = verifiers[d.verify]; !ok && d.verify != "" {
		b.report(d.position, "rule %q: verifier %q is none of %s", d.id, d.verify, names(verifiers))
	}
	if d.most < 0 || d.most > maxMost {
		b.report(d.position, "rule %q: most must be 1 to %d bytes", d.id, maxMost)
	}
	if d.expression == "" {
		return
	}
	if len(d.expression) > maxExpression {
		b.report(d.position, "rule %q: the expression is longer than %d bytes", d.id, maxExpression)
		return
	}
	b.expression(d, r)
}

// expression compiles the expression of a rule. Where it may begin is part of it, so that a long window costs one
// start and not one a byte.
func (b *book) expression(d draft, r *rule) {
	if r.lead = d.lead; d.lead == 0 {
		r.lead = defaultLead
	}
	if d.lead < 0 || d.lead > maxLead || d.lead > 0 && len(d.all) > 0 {
		b.report(d.position, "rule %q: lead must be 1 to %d bytes and needs any", d.id, maxLead)
		return
	}
	source := d.expression
	if len(d.any) > 0 {
		source = fmt.Sprintf(`\A(?s:.{0,%d}?)(%s)`, r.lead, source)
	}
	tree, err := syntax.Parse(d.expression, syntax.Perl)
	if err != nil {
		b.report(d.position, "rule %q: %v", d.id, err)
		return
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		b.report(d.position, "rule %q: the expression compiles to %d steps, more than %d; count less or split the rule",
			d.id, len(program.Inst), maxProgram)
		return
	}
	if r.expression, err = regexp.Compile(source); err != nil {
		b.report(d.position, "rule %q: %v", d.id, err)
	}
	r.price = expressionPrice + len(program.Inst)/stepsPrice
	r.sieve = sieveFor(d.expression)
}

func names[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

// literals resolves lists and compiles literals with what else they can be; each is there once.
func (b *book) literals(terms []term, same alike) []literal {
	seen := map[literal]bool{}
	var all []literal
	for _, t := range same.widen(b.expand(terms)) {
		if _, begins := beginningTerms[t.text]; begins {
			continue
		}
		if l, ok := b.literal(t); ok && !seen[l] {
			seen[l] = true
			all = append(all, l)
		}
	}
	return all
}

// expand replaces references by the lists they name. Lists do not nest.
func (b *book) expand(terms []term) []term {
	var all []term
	for _, t := range terms {
		if !reference.MatchString(t.text) {
			all = append(all, t)
			continue
		}
		list, ok := b.lists[t.text[1:]]
		if !ok {
			b.report(t.position, "there is no list %q", t.text[1:])
		}
		all = append(all, list...)
	}
	return all
}

// literal folds a term as texts are folded. A star at an end that is a word lets the word go on there.
func (b *book) literal(t term) (literal, bool) {
	text := strings.ToLower(canonical(strings.ToLower(strings.Join(strings.Fields(t.text), " "))))
	l := literal{left: true, right: true}
	if n := len(text); n > 1 && text[n-1] == '*' && word(text[n-2]) {
		text, l.right = text[:n-1], false
	}
	if len(text) > 1 && text[0] == '*' && word(text[1]) {
		text, l.left = text[1:], false
	}
	if len(text) < 2 || len(text) > maxLiteral || text != strings.TrimSpace(text) {
		b.report(t.position, "the literal %q must have 2 to %d bytes", t.text, maxLiteral)
		return l, false
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	l.text, l.left, l.right = text, l.left && bounded(first), l.right && bounded(last)
	return l, true
}

// bounded reports whether words of the script of r have borders: Chinese, Japanese and Korean words run together.
func bounded(r rune) bool {
	if r < utf8.RuneSelf {
		return word(byte(r))
	}
	return !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// hash covers everything of the rules that findings depend on, in a fixed order, and not where it stands.
func (b *book) hash() string {
	type entry struct {
		ID, Class, Severity, Action, Expression, Verify, Signal, Keys string
		Directions, Kinds, Except, Unless                             []string
		Groups                                                        [][]string
		Distance, Lead, Most                                          int
		Ordered, Prose, Alone, Pairs                                  bool
	}
	texts := func(terms []term) (s []string) {
		for _, t := range terms {
			s = append(s, t.text)
		}
		return s
	}
	content := struct {
		Engine string
		Lists  map[string][]string
		Alike  [][]string
		Rules  []entry
	}{Engine: engineVersion, Lists: map[string][]string{}}
	for name, terms := range b.lists {
		content.Lists[name] = texts(terms)
	}
	for _, terms := range b.synonyms {
		content.Alike = append(content.Alike, texts(terms))
	}
	for _, id := range slices.Sorted(maps.Keys(b.rules)) {
		d := b.rules[id]
		e := entry{
			ID: d.id, Class: d.class, Severity: d.severity, Action: d.action, Expression: d.expression,
			Verify: d.verify, Signal: d.signal, Keys: d.keys, Directions: texts(d.directions), Kinds: texts(d.kinds),
			Except: texts(d.except), Unless: texts(d.unless), Distance: d.distance, Lead: d.lead, Most: d.most,
			Ordered: d.ordered, Prose: d.prose, Alone: d.alone, Pairs: d.pairs,
		}
		for _, g := range append(d.all, d.any) {
			e.Groups = append(e.Groups, texts(g))
		}
		content.Rules = append(content.Rules, e)
	}
	// Marshalling strings, numbers and sorted maps cannot fail.
	encoded, _ := json.Marshal(content)
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
