package a2a_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

func parseList(t *testing.T, body []byte) a2a.Answer {
	t.Helper()
	a, p := a2a.ParseAnswer(a2a.HTTPJSON, a2a.ListTasks, body, fuzzLimits)
	if p != nil {
		t.Fatalf("%v: %q", p, body)
	}
	return a
}

func TestDropTasks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, body, drop, want string }{
		{"none", `{"tasks":[{"id":"a"}],"totalSize":1}`, "-", `{"tasks":[{"id":"a"}],"totalSize":1}`},
		{"only-one", `{"tasks":[{"id":"a"}],"totalSize":1}`, "x", `{"tasks":[],"totalSize":0}`},
		{"first", `{"tasks":[{"id":"a"},{"id":"b"}]}`, "x-", `{"tasks":[{"id":"b"}]}`},
		{"last", `{"tasks":[{"id":"a"},{"id":"b"}]}`, "-x", `{"tasks":[{"id":"a"}]}`},
		{"middle", `{"tasks":[{"id":"a"},{"id":"b"},{"id":"c"}]}`, "-x-", `{"tasks":[{"id":"a"},{"id":"c"}]}`},
		{"all", `{"tasks":[{"id":"a"} , {"id":"b"}, {"id":"c"} ]}`, "xxx", `{"tasks":[   ]}`},
		{"last-two", `{"tasks":[{"id":"a"},{"id":"b"},{"id":"c"}]}`, "-xx", `{"tasks":[{"id":"a"}]}`},
		{"spaces-stay", "{ \"tasks\" : [ {\"id\":\"a\"} ,\n {\"id\":\"b\"} ] }", "-x", "{ \"tasks\" : [ {\"id\":\"a\"} \n  ] }"},
		{"total-before", `{"totalSize": 30 ,"tasks":[{"id":"a"},{"id":"b"}]}`, "x-", `{"totalSize": 29 ,"tasks":[{"id":"b"}]}`},
		{"total-loses-a-digit", `{"tasks":[{"id":"a"}],"totalSize":10,"pageSize":50}`, "x", `{"tasks":[],"totalSize":9,"pageSize":50}`},
		{"total-too-small", `{"tasks":[{"id":"a"},{"id":"b"}],"totalSize":1}`, "xx", `{"tasks":[],"totalSize":0}`},
		{"total-that-counts-nothing", `{"tasks":[{"id":"a"}],"totalSize":"1"}`, "x", `{"tasks":[],"totalSize":"1"}`},
		{"total-of-legacy-go", `{"tasks":[{"id":"a"}],"total_size":5,"page_size":1}`, "x", `{"tasks":[],"total_size":4,"page_size":1}`},
		{"no-tasks-among-them", `{"tasks":[null,{"id":"a"},1]}`, "x", `{"tasks":[null,1]}`},
		{"no-task-behind", `{"tasks":[null,{"id":"a"}]}`, "x", `{"tasks":[null]}`},
		{"nothing-said", `{"tasks":[{"id":"a"},{"id":"b"}]}`, "-", `{"tasks":[{"id":"a"}]}`},
		{"in-strings", `{"tasks":[{"id":"],"},{"id":",]"}]}`, "x-", `{"tasks":[{"id":",]"}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var drop []bool
			for _, c := range tc.drop {
				drop = append(drop, c == 'x')
			}
			for _, around := range [][2]string{{"", ""}, {`{"jsonrpc":"2.0","id":1,"result":`, `}`}} {
				binding := a2a.HTTPJSON
				if around[0] != "" {
					binding = a2a.JSONRPC
				}
				body := []byte(around[0] + tc.body + around[1])
				a, p := a2a.ParseAnswer(binding, a2a.ListTasks, body, a2a.DefaultLimits())
				if p != nil {
					t.Fatal(p)
				}
				if diff := cmp.Diff(around[0]+tc.want+around[1], string(a2a.DropTasks(body, a, drop))); diff != "" {
					t.Errorf("%v (-want +got):\n%s", binding, diff)
				}
			}
		})
	}
}

func TestDropTasksLeavesOtherAnswers(t *testing.T) {
	t.Parallel()
	body := []byte(task10)
	a, p := a2a.ParseAnswer(a2a.HTTPJSON, a2a.GetTask, body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	if got := a2a.DropTasks(body, a, []bool{true}); !bytes.Equal(got, body) {
		t.Errorf("a task that is no list became %s", got)
	}
}

func FuzzDropTasks(f *testing.F) {
	f.Add([]byte(`{"tasks":[{"id":"a"} , {"id":"b"},null,{}],"totalSize":4}`), uint64(5))
	f.Add([]byte("{\"totalSize\":4,\"tasks\":[\t{\"id\":\"a\",\"history\":[{}]}\n]}"), uint64(1))
	f.Add([]byte(`{"tasks":[{"id":"a"},{"contextId":"b"}],"total_size":1e2}`), uint64(3))
	f.Fuzz(func(t *testing.T, body []byte, mask uint64) {
		a, p := a2a.ParseAnswer(a2a.HTTPJSON, a2a.ListTasks, body, fuzzLimits)
		if p != nil || a.Kind != a2a.AnswerTaskList {
			return
		}
		drop := make([]bool, len(a.Tasks))
		var want []a2a.TaskRef
		for i, task := range a.Tasks {
			if drop[i] = mask>>(i%64)&1 == 1; !drop[i] {
				want = append(want, task)
			}
		}
		got := a2a.DropTasks(bytes.Clone(body), a, drop)
		if len(want) == len(a.Tasks) && !bytes.Equal(got, body) {
			t.Fatalf("dropping nothing made %q of %q", got, body)
		}
		if !jsontext.Value(got).IsValid() {
			t.Fatalf("%q became %q", body, got)
		}
		left := parseList(t, got)
		place := cmpopts.IgnoreFields(a2a.TaskRef{}, "Start", "End")
		if diff := cmp.Diff(want, left.Tasks, place, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("tasks of %q (-want +got):\n%s", got, diff)
		}
		for i := range min(len(want), len(left.Tasks)) {
			before, after := want[i], left.Tasks[i]
			if !bytes.Equal(body[before.Start:before.End], got[after.Start:after.End]) {
				t.Errorf("task %d changed in %q", i, got)
			}
		}
	})
}

func TestReplaceCard(t *testing.T) {
	t.Parallel()
	card := []byte(`{"name":"mesh"}`)
	for _, tc := range []struct{ name, before, after string }{
		{"bare", " \n", "\t"},
		{"enveloped", `{"result": `, ` ,"id":1,"jsonrpc":"2.0"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			binding := a2a.HTTPJSON
			if tc.name == "enveloped" {
				binding = a2a.JSONRPC
			}
			body := []byte(tc.before + card10 + tc.after)
			a, p := a2a.ParseAnswer(binding, a2a.GetExtendedAgentCard, body, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tc.before+string(card)+tc.after, string(a2a.ReplaceCard(body, a, card))); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if same := a2a.ReplaceCard(body, a, body[a.Card.Start:a.Card.End]); !bytes.Equal(same, body) {
				t.Errorf("its own card made %s", same)
			}
		})
	}
	body := []byte(`{"error":{"code":1}}`)
	a, _ := a2a.ParseAnswer(a2a.HTTPJSON, a2a.GetExtendedAgentCard, body, a2a.DefaultLimits())
	if got := a2a.ReplaceCard(body, a, card); !bytes.Equal(got, body) {
		t.Errorf("an answer without a card became %s", got)
	}
}

// A list of a whole page stays a matter of one pass.
func TestDropTasksOfALongList(t *testing.T) {
	t.Parallel()
	var tasks []string
	for i := range 1000 {
		tasks = append(tasks, fmt.Sprintf(`{"id":"t-%d","contextId":"c"}`, i))
	}
	body := []byte(`{"tasks":[` + strings.Join(tasks, ", ") + `],"totalSize":1000}`)
	a := parseList(t, body)
	drop := make([]bool, len(a.Tasks))
	for i := range drop {
		drop[i] = i%3 != 0
	}
	left := parseList(t, a2a.DropTasks(body, a, drop))
	if len(left.Tasks) != 334 || left.Tasks[333].ID != "t-999" {
		t.Errorf("%d tasks are left", len(left.Tasks))
	}
}
