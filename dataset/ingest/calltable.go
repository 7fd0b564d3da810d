package ingest

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// callTable collects calls, and matches them with answers.
type callTable struct {
	calls   []foreign.Call
	names   []string // ids of calls; empty: none
	open    []int    // calls that wait for an answer, in order
	answers []chatAnswer
	strays  []string // ids of answers without a call before them
	lost    func(what, why string) error
}

// message adds the calls and answers of a message. Answers without an id are matched with calls when all answers of a
// turn are known.
func (t *callTable) message(m *message) error {
	if len(m.calls) > 0 || len(m.answers) == 0 {
		if err := t.settle(); err != nil {
			return err
		}
	}
	for _, c := range m.calls {
		var d jsontext.Fields
		d.AddText("id", c.id)
		t.open = append(t.open, len(t.calls))
		t.names = append(t.names, c.id)
		t.calls = append(t.calls, foreign.Call{Tool: c.name, Request: c.request, Status: foreign.StatusNothing, Details: foreign.Details(d.JSON()), Note: noteUnanswered})
	}
	for _, a := range m.answers {
		if a.id == "" {
			t.answers = append(t.answers, a)
			continue
		}
		if err := t.byID(a); err != nil {
			return err
		}
	}
	return nil
}

const noteUnanswered = "no answer was recorded"

// byID matches an answer with the call that has its id.
func (t *callTable) byID(a chatAnswer) error {
	found := -1
	for _, i := range t.open {
		if t.names[i] != a.id {
			continue
		}
		if found >= 0 {
			return fmt.Errorf("an answer to the call %q, of which there are two", a.id)
		}
		found = i
	}
	switch {
	case found >= 0 && a.name != "" && a.name != t.calls[found].Tool:
		return fmt.Errorf("the answer to the call %q is of the tool %q, the call of %q", a.id, a.name, t.calls[found].Tool)
	case found >= 0:
		t.answer(found, a)
		return nil
	}
	for _, id := range t.names {
		if id == a.id {
			return fmt.Errorf("the call %q is answered twice", a.id)
		}
	}
	for _, i := range t.open {
		if t.names[i] == "" {
			return fmt.Errorf("an answer to the call %q, while a call of %q without an id waits: which call it answers is not known", a.id, t.calls[i].Tool)
		}
	}
	t.strays = append(t.strays, a.id)
	return t.lost("answers of tools", "their calls are not in the record")
}

// end matches what the last messages left, and refuses a call whose answer came before it.
func (t *callTable) end() error {
	if err := t.settle(); err != nil {
		return err
	}
	for _, i := range t.open {
		if slices.Contains(t.strays, t.names[i]) {
			return fmt.Errorf("the answer to the call %q stands before the call", t.names[i])
		}
	}
	return nil
}

// settle matches the answers of a turn without an id with the open calls: first those that name a tool with that tool's
// calls, then the others with the rest, in order. If there are more calls than answers, it is unknown which calls were
// answered.
func (t *callTable) settle() error {
	answers := t.answers
	t.answers = nil
	var nameless []chatAnswer
	for len(answers) > 0 {
		name := answers[0].name
		var these, rest []chatAnswer
		for _, a := range answers {
			if a.name == name {
				these = append(these, a)
			} else {
				rest = append(rest, a)
			}
		}
		if answers = rest; name == "" {
			nameless = these
			continue
		}
		if err := t.inOrder(these, "of the tool "+name, func(i int) bool { return t.calls[i].Tool == name }); err != nil {
			return err
		}
	}
	return t.inOrder(nameless, "without a name", func(int) bool { return true })
}

// inOrder matches answers with open calls in order.
func (t *callTable) inOrder(answers []chatAnswer, which string, match func(i int) bool) error {
	var calls []int
	for _, i := range t.open {
		if match(i) {
			calls = append(calls, i)
		}
	}
	switch {
	case len(answers) == 0:
		return nil
	case len(calls) == 0:
		for range answers {
			if err := t.lost("answers of tools", "their calls are not in the record"); err != nil {
				return err
			}
		}
		return nil
	case len(calls) != len(answers):
		return fmt.Errorf("%d answers %s and %d open calls, without ids: which answer belongs to which call is not known", len(answers), which, len(calls))
	}
	for n, a := range answers {
		t.answer(calls[n], a)
	}
	return nil
}

// answer closes a call.
func (t *callTable) answer(i int, a chatAnswer) {
	c := &t.calls[i]
	c.Response, c.Status, c.Note = a.response, foreign.StatusOK, ""
	if a.failed {
		c.Status, c.Note = foreign.StatusFailed, "error: the tool's answer says so"
	}
	for n, open := range t.open {
		if open == i {
			t.open = append(t.open[:n:n], t.open[n+1:]...)
			return
		}
	}
}
