package trust

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func outcome(change func(*Outcome)) Outcome {
	o := Outcome{
		Caller: "alice", Callee: "bank", Verified: true, Assurance: "agent", Denied: true, Factor: "ring", Reason: "ring-too-low",
		Exchange: "d-1", At: at(start),
	}
	change(&o)
	return o
}

func TestClassify(t *testing.T) {
	t.Parallel()
	caller := func(kind Kind, class string) []Signal {
		return []Signal{{Agent: "alice", Counterparty: "bank", Kind: kind, Class: class, Exchange: "d-1", At: start}}
	}
	callee := func(kind Kind, class string) []Signal {
		return []Signal{{Agent: "bank", Counterparty: "alice", Kind: kind, Class: class, Framable: true, Exchange: "d-1", At: start}}
	}
	content := func(severity string) func(*Outcome) {
		return func(o *Outcome) { o.Factor, o.Reason, o.Severity = "content", "content-sql-injection", severity }
	}
	done := func(o *Outcome) { o.Denied, o.Reason, o.Completed, o.AnswerStatus = false, "", true, 200 }
	both := []Signal{
		{Agent: "alice", Counterparty: "bank", Kind: Completed, Exchange: "d-1", At: start},
		{Agent: "bank", Counterparty: "alice", Kind: Served, Exchange: "d-1", At: start},
	}
	tests := []struct {
		name   string
		change func(*Outcome)
		want   []Signal
	}{
		{"completed", done, both},
		{"completed-by-sidecar", func(o *Outcome) { done(o); o.Assurance = "mesh" }, both},
		{"completed-by-workload", func(o *Outcome) { done(o); o.Assurance = "workload" }, both},
		{"completed-by-bearer", func(o *Outcome) { done(o); o.Assurance = "bearer" }, nil},
		{"broken-off", func(o *Outcome) { done(o); o.Completed = false }, nil},
		{"no-answer", func(o *Outcome) { done(o); o.AnswerStatus = 0 }, nil},
		{"callee-failed", func(o *Outcome) { done(o); o.AnswerStatus = 503 }, nil},
		{"callee-refused", func(o *Outcome) { done(o); o.AnswerStatus = 404 }, nil},
		{"calls-itself", func(o *Outcome) { done(o); o.Callee = "alice" }, nil},
		{"refused-to-those-it-asks-for", func(o *Outcome) { o.Excused = true }, nil},
		{"content-in-others-name", func(o *Outcome) { content("high")(o); o.Excused = true }, caller(ContentHigh, "content-sql-injection")},
		{"anonymous", func(o *Outcome) { done(o); o.Caller = "" }, nil},
		{"no-callee", func(o *Outcome) { done(o); o.Callee = "" }, nil},
		{"zero", func(o *Outcome) { *o = Outcome{} }, nil},

		{"overreach", func(*Outcome) {}, caller(Overreach, "ring-too-low")},
		{"unverified", func(o *Outcome) { o.Verified = false }, nil},
		{"no-assurance", func(o *Outcome) { o.Assurance = "none" }, nil},
		{"bearer", func(o *Outcome) { o.Assurance = "bearer" }, nil},
		{"unknown-assurance", func(o *Outcome) { o.Assurance = "strong" }, nil},
		{"unknown-reason", func(o *Outcome) { o.Reason = "because" }, nil},
		{"no-reason", func(o *Outcome) { o.Reason = "" }, nil},
		{"content-low", content("low"), caller(ContentLow, "content-sql-injection")},
		{"content-medium", content("medium"), caller(ContentMedium, "content-sql-injection")},
		{"content-high", content("high"), caller(ContentHigh, "content-sql-injection")},
		{"content-critical", content("critical"), caller(ContentCritical, "content-sql-injection")},
		{"content-unrated", content("unrated"), caller(ContentMedium, "content-sql-injection")},
		{"rules-not-loaded", func(o *Outcome) { content("critical")(o); o.Reason = "content-inspection" }, nil},
		{"answered-rules-not-loaded", func(o *Outcome) { content("critical")(o); o.Reason, o.Phase = "content-inspection", "answer" }, nil},
		{"content-type-is-no-finding", func(o *Outcome) { o.Factor, o.Reason = "operation", "content-type" }, nil},
		{"replayed", func(o *Outcome) { o.Factor, o.Reason = "replay", "replayed" }, nil},
		{"other-body", func(o *Outcome) { o.Factor, o.Reason = "digest", "digest-mismatch" }, nil},
		{"too-often", func(o *Outcome) { o.Factor, o.Reason = "rate", "rate-exceeded" }, caller(Excess, "rate-exceeded")},
		{"widened-by-nobody-proved", func(o *Outcome) { o.Factor, o.Reason = "delegation", "delegation-widened" }, nil},
		{"widened-by-another", func(o *Outcome) {
			o.Factor, o.Reason, o.Culprit = "delegation", "delegation-widened", "mallory"
		}, []Signal{{Agent: "mallory", Counterparty: "alice", Kind: LinkWidened, Class: "delegation-widened", Exchange: "d-1", At: 1767225600}}},
		{"widened-by-itself", func(o *Outcome) { o.Factor, o.Reason, o.Forged = "chain", "delegation-widened", true }, caller(LinkForged, "delegation-widened")},
		{"widened-by-nobody-known", func(o *Outcome) {
			o.Factor, o.Reason, o.Forged, o.Verified = "chain", "delegation-widened", true, false
		}, nil},
		{"answer-blocked", func(o *Outcome) { content("high")(o); o.Factor, o.Phase = "answered-content", "answer" }, callee(AnswerBlocked, "content-sql-injection")},
		{"answer-of-others", func(o *Outcome) { o.Factor, o.Reason, o.Phase = "answered-tasks", "task-not-found", "answer" }, callee(AnswerForeign, "task-not-found")},
		{"task-of-others", func(o *Outcome) { o.Factor, o.Reason = "task", "task-not-found" }, caller(Overreach, "task-not-found")},
		{"answer-unreadable", func(o *Outcome) { o.Factor, o.Reason, o.Phase = "answer", "answer-unreadable", "answer" }, nil},
		{"cut-off", func(o *Outcome) { o.Factor, o.Reason, o.Phase = "ring", "ring-too-low", "answer" }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Classify(outcome(test.change))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestNobodyPaysForOthers holds for every reason in either phase, and for all that is not known to have been the caller's.
func TestNobodyPaysForOthers(t *testing.T) {
	t.Parallel()
	for reason := range requestReasons {
		for _, phase := range []string{"", "answer"} {
			for _, status := range []int{0, 200, 403, 500, 503} {
				o := outcome(func(o *Outcome) { o.Reason, o.Phase, o.AnswerStatus = reason, phase, status })
				for _, s := range Classify(o) {
					if s.Kind.Good() || s.Agent == s.Counterparty || s.Agent != "alice" && !s.Framable || phase != "" && s.Agent == "alice" {
						t.Errorf("%s in phase %q: %+v", reason, phase, s)
					}
				}
				for _, assurance := range []string{"", "none", "bearer"} {
					if o.Assurance = assurance; Classify(o) != nil {
						t.Errorf("%s with assurance %q counts", reason, assurance)
					}
				}
			}
		}
	}
}

// TestEveryReasonIsClassified holds that somebody has thought about each reason for which a request or an answer is
// refused: a new one belongs into one of the two tables, with no kind where nobody is to blame.
func TestEveryReasonIsClassified(t *testing.T) {
	t.Parallel()
	found := 0
	for _, reason := range denials(t) {
		found++
		_, request := requestReasons[reason]
		_, answer := answerReasons[reason]
		if !request && !answer {
			t.Errorf("the reason %q is in no table", reason)
		}
	}
	if found < 30 {
		t.Errorf("only %d reasons were found: does the test still read the stages?", found)
	}
}

// denials returns the reasons that stand as literals in the stages, and the words of the packages whose reasons become
// those of stages.
func denials(t *testing.T) (reasons []string) {
	t.Helper()
	visit := func(pattern string, look func(ast.Node)) {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, data, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool { look(n); return true })
		}
	}
	literal := func(e ast.Expr) (string, bool) {
		basic, ok := e.(*ast.BasicLit)
		if !ok || basic.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(basic.Value)
		return text, err == nil
	}
	visit("../governance/*.go", func(n ast.Node) {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 4 {
			if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "deny" {
				if reason, ok := literal(call.Args[2]); ok && reason != "" {
					reasons = append(reasons, reason)
				}
			}
		}
	})
	table := func(prefix, variable string) func(ast.Node) {
		return func(n ast.Node) {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != variable {
				return
			}
			ast.Inspect(spec, func(n ast.Node) bool {
				if pair, ok := n.(*ast.KeyValueExpr); ok {
					if word, ok := literal(pair.Value); ok {
						reasons = append(reasons, prefix+word)
					}
				}
				return true
			})
		}
	}
	visit("../identity/refusal.go", table("", "reasonNames"))
	visit("../delegation/refusal.go", table("delegation-", "reasonNames"))
	visit("../a2a/problem.go", func(n ast.Node) {
		if pair, ok := n.(*ast.CompositeLit); ok && len(pair.Elts) == 3 {
			if word, ok := literal(pair.Elts[1]); ok {
				reasons = append(reasons, strings.ToLower(strings.ReplaceAll(word, "_", "-")))
			}
		}
	})
	constants := func(prefix string) func(ast.Node) {
		return func(n ast.Node) {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, prefix) {
				if word, ok := literal(spec.Values[0]); ok {
					reasons = append(reasons, word)
				}
			}
		}
	}
	visit("../callback/refusal.go", constants(""))
	visit("../policy/outcome.go", constants("Reason"))
	return reasons
}

func TestWeights(t *testing.T) {
	t.Parallel()
	for kind := range traits {
		if (Weights{}).of(kind) <= 0 {
			t.Errorf("%s counts for nothing", kind)
		}
	}
	if (Weights{Excess: 0}).of(Excess) != 0 || (Weights{}).of(Registered) != 0 || (Weights{}).of("nonsense") != 0 {
		t.Error("what is turned off, or no signal, counts")
	}
	for _, wrong := range []Weights{{"nonsense": Point}, {Registered: Point}, {Excess: -1}, {Excess: 1001 * Point}} {
		if wrong.Validate() == nil {
			t.Errorf("%v passes", wrong)
		}
	}
	if err := (Weights{Excess: 0, Completed: 1000 * Point}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestRulesValidate(t *testing.T) {
	t.Parallel()
	if err := DefaultRules().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Rules){
		"weight":          func(r *Rules) { r.Weight = 0 },
		"good evidence":   func(r *Rules) { r.GoodHalfLife = 60 },
		"bad evidence":    func(r *Rules) { r.BadHalfLife = r.GoodHalfLife - 1 },
		"factor":          func(r *Rules) { r.BadFactor = 101 },
		"cap of good":     func(r *Rules) { r.GoodCap = MaxEvidence + 1 },
		"cap of bad":      func(r *Rules) { r.BadCap = 0 },
		"cap of an hour":  func(r *Rules) { r.HourCap = -1 },
		"share":           func(r *Rules) { r.Share = 1001 },
		"floor of shares": func(r *Rules) { r.ShareFloor = -1 },
		"framable":        func(r *Rules) { r.Spared = 9 },
		"stray":           func(r *Rules) { r.Strays = -1 },
		"dwell":           func(r *Rules) { r.Dwell = 31 * day },
		"taken over":      func(r *Rules) { r.Taint = -1 },
	} {
		rules := DefaultRules()
		change(&rules)
		if err := rules.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if rules.Version() == DefaultRules().Version() {
			t.Errorf("other rules (%s) have the version of the default ones", name)
		}
	}
	if agent.TrustUnknown.Ring() != agent.Untrusted || (Rules{}).Validate() == nil {
		t.Error("the zero rules pass")
	}
}

// TestQuarantineWords holds that the error for a word that quarantines nobody names the kinds that do.
func TestQuarantineWords(t *testing.T) {
	t.Parallel()
	err := CheckQuarantine("attack")
	if err == nil {
		t.Fatal("any word quarantines")
	}
	_, list, _ := strings.Cut(err.Error(), "(")
	list, _, _ = strings.Cut(list, ")")
	named := strings.Split(list, ", ")
	for _, kind := range Kinds() {
		if counts := CheckQuarantine(string(kind)) == nil; counts != slices.Contains(named, string(kind)) {
			t.Errorf("%s quarantines %t, and the error names %s", kind, counts, list)
		}
	}
}
