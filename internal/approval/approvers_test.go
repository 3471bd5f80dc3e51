package approval

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestCompileProblems(t *testing.T) {
	t.Parallel()
	ada := Approver{Name: "ada", Groups: []string{"finance"}, Key: keyDID("ada")}
	edit := func(change func(*Approver)) Approver {
		by := ada
		change(&by)
		return by
	}
	for _, test := range []struct {
		name string
		list []Approver
		want []string
	}{
		{"zero", []Approver{{}}, []string{"approvers[0].name", "approvers[0].groups", "approvers[0].key"}},
		{"name-twice", []Approver{ada, edit(func(by *Approver) { by.Name, by.Key = "ADA ", keyDID("bob") })}, []string{"approvers[1].name: must not be"}},
		{"key-twice", []Approver{ada, edit(func(by *Approver) { by.Name = "bob" })}, []string{"approvers[1].key: must not be"}},
		{"token-twice", []Approver{
			edit(func(by *Approver) { by.Token = agent.Subject{Issuer: "i", Name: "n"} }),
			{Name: "bob", Groups: []string{"finance"}, Token: agent.Subject{Issuer: "i", Name: "n"}},
		}, []string{"approvers[1].token: must not be"}},
		{"no-did-key", []Approver{edit(func(by *Approver) { by.Key = "did:web:example.com" })}, []string{"approvers[0].key: must begin with did:key"}},
		{"half-a-token", []Approver{edit(func(by *Approver) { by.Token.Name = "n" })}, []string{"approvers[0].token: must have"}},
		{"control-characters", []Approver{edit(func(by *Approver) { by.Name = "a\x1b[2J" })}, []string{"approvers[0].name"}},
		{"owner", []Approver{edit(func(by *Approver) { by.Owner = "a\n" })}, []string{"approvers[0].owner"}},
		{"empty-group", []Approver{edit(func(by *Approver) { by.Groups = []string{""} })}, []string{"approvers[0].groups"}},
		{"many", make([]Approver, MaxApprovers+1), []string{"approvers: must be at most 1000"}},
		{"several", []Approver{{}, ada, {Name: "bob"}}, []string{"approvers[0].name", "approvers[2].groups", "approvers[2].key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a, err := Compile(test.list)
			if err == nil || a != nil {
				t.Fatalf("Compile() = %v, %v", a, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in\n%s", want, err)
				}
			}
		})
	}
}

func TestEnough(t *testing.T) {
	t.Parallel()
	a := approvers(t)
	for _, test := range []struct {
		name     string
		minimum  int
		groups   []string
		excluded []agent.Owner
		want     bool
	}{
		{"all-of-a-group", 4, []string{"finance"}, nil, true},
		{"more", 5, []string{"finance"}, nil, false},
		{"one-is-excluded", 4, []string{"finance"}, []agent.Owner{"trading"}, false},
		{"those-who-are-left", 3, []string{"finance"}, []agent.Owner{"trading"}, true},
		{"excluded-by-name", 2, []string{"legal"}, []agent.Owner{"Dan"}, false},
		{"several-groups", 5, []string{"finance", "legal"}, nil, true},
		{"nobody-counts-twice", 6, []string{"finance", "legal"}, nil, false},
		{"unknown-group", 1, []string{"board"}, nil, false},
		{"no-minimum", 0, []string{"finance"}, nil, false},
	} {
		if got := a.Enough(test.minimum, test.groups, test.excluded); got != test.want {
			t.Errorf("%s: Enough() = %t", test.name, got)
		}
	}
	if !a.Has("garden") || a.Has("board") || (*Approvers)(nil).Has("garden") || (*Approvers)(nil).Enough(1, []string{"garden"}, nil) {
		t.Error("Has() or Enough() is wrong about who is there")
	}
}
