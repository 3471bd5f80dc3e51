package policy

import (
	"fmt"
	"slices"
	"testing"
)

// words returns all texts of the letters up to a length.
func words(letters string, length int) []string {
	all := []string{""}
	for from := 0; length > 0; length-- {
		to := len(all)
		for _, w := range all[from:to] {
			for _, c := range letters {
				all = append(all, w+string(c))
			}
		}
		from = to
	}
	return all
}

// TestGlobs holds matching, meeting and covering against all texts up to six letters, which is enough to tell short globs
// apart: what meets has a text that both match, and what covers has none that the outer one misses.
func TestGlobs(t *testing.T) {
	t.Parallel()
	texts := words("ab", 6)
	globs := words("ab*", 4)
	matches := make([][]bool, len(globs))
	for i, g := range globs {
		matches[i] = make([]bool, len(texts))
		for j, s := range texts {
			if matches[i][j] = globMatches(g, s); matches[i][j] != referenceGlob(g, s) {
				t.Fatalf("%q matches %q: %t", g, s, matches[i][j])
			}
		}
	}
	covering, covered := 0, 0
	for i, a := range globs {
		for j, b := range globs {
			meet, cover := false, true
			for k := range texts {
				meet = meet || matches[i][k] && matches[j][k]
				cover = cover && (matches[i][k] || !matches[j][k])
			}
			if globsMeet(a, b) != meet {
				t.Fatalf("%q and %q meet: %t", a, b, !meet)
			}
			if globMatches(a, b) && !cover {
				t.Fatalf("%q does not cover %q", a, b)
			}
			if cover {
				covered++
			}
			if globMatches(a, b) {
				covering++
			}
		}
	}
	if covering < covered/2 {
		t.Errorf("only %d of %d pairs that cover are proved to", covering, covered)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b   []string
		meet   bool
		covers bool // a covers b
	}{
		{nil, nil, true, true},
		{nil, []string{"x"}, true, true},
		{[]string{"x"}, nil, true, false},
		{[]string{"*"}, nil, true, true},
		{[]string{"x", "y*"}, []string{"ya"}, true, true},
		{[]string{"x"}, []string{"x", "z"}, true, false},
		{[]string{"x", "y"}, []string{"z", "w"}, false, false},
	} {
		if got := listsMeet(test.a, test.b); got != test.meet {
			t.Errorf("%q and %q meet: %t", test.a, test.b, got)
		}
		if got := listCovers(test.a, test.b); got != test.covers {
			t.Errorf("%q covers %q: %t", test.a, test.b, got)
		}
	}
}

// TestKeys holds that a name which matches a glob leads to its key, and that a whole key leads to it from no other name.
func TestKeys(t *testing.T) {
	t.Parallel()
	texts := words("ab", 5)
	for _, g := range words("ab*", 4) {
		table := newNames()
		k, whole := keyOf(g)
		var last uint32
		id := table.intern(k, &last)
		if id != 0 && id != last || table.intern(k, &last) != id {
			t.Fatalf("%q has the number %d of %d", g, id, last)
		}
		for _, s := range texts {
			found := slices.Contains(table.find(s, []uint32{0}), id)
			if match := globMatches(g, s); match && !found || whole && match != found {
				t.Fatalf("%q: %q is found %t, matches %t, the key is whole: %t", g, s, found, match, whole)
			}
		}
	}
}

// TestIndexOfLongLists takes documents whose lists are too long for all their places: they decide as before.
func TestIndexOfLongLists(t *testing.T) {
	t.Parallel()
	many := func(format string, count int) []string {
		all := make([]string, count)
		for i := range all {
			all[i] = fmt.Sprintf(format, i)
		}
		return all
	}
	docs := []*Document{
		{Name: "a", Party: CallerParty, Subjects: Subjects{Agents: many("caller-%d", 900), Owners: many("ops-%d*", 800)}, Targets: Targets{Agents: many("callee-%d", 700), Owners: many("*finance-%d", 900)}, Rules: []Rule{{Kind: Permit}, {Kind: MaxBody, Bytes: 10}}},
		{Name: "b", Party: CalleeParty, Mode: Shadow, Targets: Targets{Agents: many("callee-%d", 900), Owners: many("finance-%d", 900)}, Rules: []Rule{{Kind: Permit, Narrow: Targets{Agents: many("callee-%d*", 300)}}}},
		{Name: "c", Party: CalleeParty, Targets: Targets{Agents: many("callee-%d", 900), Owners: many("finance-%d", 900)}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Skills: many("pay-%d", 900)}}}},
	}
	set := compiled(t, docs)
	if places := len(set.index.cells); places > 5*maxPlaces {
		t.Errorf("there are %d places", places)
	}
	k := newKeys()
	for i := range 40 {
		c := benchCall()
		c.Caller, c.CallerOwner = "caller-899", "ops-7x"
		switch i % 4 {
		case 1:
			c.Caller = "caller-900"
		case 2:
			c.CalleeOwner = "finance-900"
		case 3:
			c.CallerOwner = "other"
		}
		c.Skill = fmt.Sprintf("pay-%d", 880+i)
		if err := differ(set, docs, c, AllParties, k); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

// TestIndexFindsFew holds that policies which cannot match are not even looked at.
func TestIndexFindsFew(t *testing.T) {
	t.Parallel()
	for _, a := range adversarial {
		set, c := compiled(t, documents(500, a.make)), benchCall()
		if a.name == "nested-prefixes" {
			continue // one of each length can match
		}
		var room [2][16]uint32
		found := 0
		for _, postings := range set.index.find(c, set.parties(c, &room), nil) {
			found += len(postings)
		}
		if found > 2 {
			t.Errorf("%s: %d of 500 documents are looked at", a.name, found)
		}
	}
}
