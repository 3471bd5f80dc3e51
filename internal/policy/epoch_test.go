package policy

import (
	"reflect"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

func epochDocument() *Document {
	targets := Targets{
		Agents: []string{"a", "b*"}, Owners: []string{"o", "p"}, Methods: []a2a.Method{a2a.GetTask, a2a.SendMessage},
		Effects: []agent.Effect{agent.EffectRead, agent.EffectWrite}, Skills: []string{"s", "t"}, Actions: []string{"u", "v"}, Undeclared: true,
	}
	return &Document{
		Name: "d", Party: CalleeParty, Mode: Shadow, Targets: targets,
		Subjects: Subjects{Agents: []string{"c", "d"}, Owners: []string{"q", "r"}, Rings: []agent.Ring{1, 2}, Assurance: []identity.Assurance{1, 2}},
		Rules: []Rule{{
			Kind: Content, Narrow: targets, Message: "m", Limit: 1, Per: 2, Burst: 3, By: ByPair, Minimum: 4, Groups: []string{"g", "h"}, Timeout: 5,
			Bytes: 6, Time: 7, Assurance: 2, Trust: 8, Ring: 1, Classes: []string{"k", "l"}, Severity: High, Approve: true, Requests: true, Answers: true,
			Text: "t",
		}},
	}
}

// TestDigestTellsEverything changes each field of a document by itself: the digest has to change, but for those that decide
// nothing.
func TestDigestTellsEverything(t *testing.T) {
	t.Parallel()
	silent := map[string]bool{
		"Description": true, "Tests": true, "File": true, "Line": true, "Source": true, "Rules.Line": true, "Rules.TextLine": true,
	}
	base := digestOf(epochDocument())
	var visit func(v reflect.Value, path string, current func() *Document)
	seen := 0
	visit = func(v reflect.Value, path string, current func() *Document) {
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			field := v.Field(i)
			full := path + name
			if field.Kind() == reflect.Struct {
				visit(field, full+".", current)
				continue
			}
			if full == "Rules" {
				visit(field.Index(0), "Rules.", current)
				continue
			}
			before := reflect.ValueOf(field.Interface())
			for _, changed := range variants(field) {
				field.Set(changed)
				seen++
				if differs := digestOf(current()) != base; differs == silent[full] {
					t.Errorf("%s as %v: the digest differs: %t", full, changed, differs)
				}
			}
			field.Set(before)
		}
	}
	d := epochDocument()
	visit(reflect.ValueOf(d).Elem(), "", func() *Document { return d })
	if seen < 50 {
		t.Errorf("only %d changes were tried", seen)
	}
}

// variants returns values that mean something else than the field has.
func variants(field reflect.Value) []reflect.Value {
	other := reflect.New(field.Type()).Elem()
	switch field.Kind() {
	case reflect.String:
		other.SetString(field.String() + "x")
	case reflect.Bool:
		other.SetBool(!field.Bool())
	case reflect.Int, reflect.Int64:
		other.SetInt(field.Int() + 1)
	case reflect.Uint8:
		other.SetUint(field.Uint() + 1)
	case reflect.Slice:
		if field.Len() == 0 {
			return []reflect.Value{reflect.MakeSlice(field.Type(), 1, 1)}
		}
		return []reflect.Value{field.Slice(0, 1), field.Slice(1, 2), other}
	}
	return []reflect.Value{other}
}

// TestDigestIsOfMeaning holds that the order and the repetition of alternatives do not count, and that values cannot be
// taken for one another.
func TestDigestIsOfMeaning(t *testing.T) {
	t.Parallel()
	base := digestOf(epochDocument())
	turned := epochDocument()
	turned.Subjects.Agents = []string{"d", "c", "d"}
	turned.Subjects.Rings = []agent.Ring{2, 1, 1}
	turned.Targets.Methods = []a2a.Method{a2a.SendMessage, a2a.GetTask}
	turned.Rules[0].Groups = []string{"h", "g"}
	if digestOf(turned) != base {
		t.Error("the order of alternatives counts")
	}
	for name, change := range map[string]func(d *Document){
		"joined":      func(d *Document) { d.Subjects.Agents = []string{"cd"} },
		"other-list":  func(d *Document) { d.Subjects.Agents, d.Subjects.Owners = []string{"c", "d", "q"}, []string{"r"} },
		"moved":       func(d *Document) { d.Targets, d.Rules[0].Narrow = Targets{}, d.Targets },
		"rules-order": func(d *Document) { d.Rules = append(d.Rules, Rule{Kind: Forbid}) },
	} {
		d := epochDocument()
		change(d)
		if digestOf(d) == base {
			t.Errorf("%s: the digest does not tell", name)
		}
	}
	two := epochDocument()
	two.Rules = []Rule{{Kind: Forbid}, {Kind: ReadOnly}}
	swapped := epochDocument()
	swapped.Rules = []Rule{{Kind: ReadOnly}, {Kind: Forbid}}
	if digestOf(two) == digestOf(swapped) {
		t.Error("the order of rules does not count")
	}
}
