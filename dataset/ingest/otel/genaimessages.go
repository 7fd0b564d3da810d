package otel

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// Conventions without a list of messages number attributes, such as gen_ai.prompt.0.content and
// llm.input_messages.0.message.content, or write an event for each message. Both become a JSON list of messages with
// the members role, content, tool_calls, as in chats.

// numberedPlace is a family of numbered attributes: PREFIX.N.INNER.MEMBER.
type numberedPlace struct{ prefix, inner string }

var (
	numberedRequests  = []numberedPlace{{"gen_ai.prompt.", ""}, {"llm.input_messages.", "message."}, {"llm.prompts.", "prompt."}, {"llm.prompts.", ""}}
	numberedResponses = []numberedPlace{{"gen_ai.completion.", ""}, {"llm.output_messages.", "message."}, {"llm.choices.", "completion."}, {"llm.completions.", ""}}
	numberedTools     = []numberedPlace{{"llm.tools.", "tool."}, {"llm.request.functions.", ""}}
)

// tree is the structure of numbered attributes: a value, or the subtree of each step.
type tree struct {
	value json.RawMessage
	below map[string]*tree
	order []string // of below: numbers by number, other names as they came
}

func (n *tree) put(path []string, value json.RawMessage) {
	for _, step := range path {
		if n.below == nil {
			n.below = map[string]*tree{}
		}
		next := n.below[step]
		if next == nil {
			next = &tree{}
			n.below[step] = next
			n.order = append(n.order, step)
		}
		n = next
	}
	n.value = value
}

func (n *tree) child(step string) *tree {
	if n == nil {
		return nil
	}
	return n.below[step]
}

// numbers returns the subtrees of numeric steps, ascending; all reports whether every step is a number.
func (n *tree) numbers() (list []*tree, all bool) {
	if n == nil {
		return nil, false
	}
	type numbered struct {
		number int
		at     *tree
	}
	var found []numbered
	for _, step := range n.order {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 {
			found = append(found, numbered{i, n.below[step]})
		}
	}
	slices.SortFunc(found, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	for _, f := range found {
		list = append(list, f.at)
	}
	return list, len(found) == len(n.order)
}

// spelled is the whole tree as JSON.
func (n *tree) spelled() json.RawMessage {
	if n.value != nil && n.below == nil {
		return n.value
	}
	if list, all := n.numbers(); all && len(list) > 0 {
		values := make([]json.RawMessage, len(list))
		for i, at := range list {
			values[i] = at.spelled()
		}
		return jsontext.List(values)
	}
	var f jsontext.Fields
	f.Add("value", n.value)
	for _, step := range n.order {
		f.Add(step, n.below[step].spelled())
	}
	return f.JSON()
}

// numbered collects the attributes of a place; empty: none.
func (t *taken) numbered(p numberedPlace) []*tree {
	root := &tree{}
	for _, m := range t.s.attrs.Fields {
		rest, ok := strings.CutPrefix(m.Name, p.prefix)
		number, member, deep := strings.Cut(rest, ".")
		if _, err := strconv.ParseUint(number, 10, 31); !ok || !deep || err != nil {
			continue
		}
		if member, ok = strings.CutPrefix(member, p.inner); !ok {
			continue
		}
		t.attrs[m.Name] = true
		root.put(append([]string{number}, strings.Split(member, ".")...), t.s.attrs.spelled(m))
	}
	list, _ := root.numbers()
	return list
}

// numberedMessages are the messages of the first place that has any.
func (t *taken) numberedMessages(places []numberedPlace) []json.RawMessage {
	for _, p := range places {
		var list []json.RawMessage
		for _, at := range t.numbered(p) {
			list = append(list, at.message())
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// message converts the subtree of one number to a message.
func (n *tree) message() json.RawMessage {
	var f jsontext.Fields
	for _, step := range n.order {
		at := n.below[step]
		switch step {
		case "tool_calls":
			f.Add(step, at.toolCalls())
		case "contents":
			f.Add("content", at.contents())
		case "text": // of a completion
			f.Add("content", at.spelled())
		default:
			f.Add(step, at.spelled())
		}
	}
	return f.JSON()
}

// toolCalls converts calls to those of chats: id, type, and a function with name and arguments.
func (n *tree) toolCalls() json.RawMessage {
	list, _ := n.numbers()
	if len(list) == 0 {
		return n.spelled()
	}
	calls := make([]json.RawMessage, len(list))
	for i, at := range list {
		if inner := at.child("tool_call"); inner != nil {
			at = inner
		}
		var call, function jsontext.Fields
		from := at
		if inner := at.child("function"); inner != nil {
			from = inner
		}
		for _, step := range at.order {
			if step != "function" && step != "name" && step != "arguments" {
				call.Add(step, at.below[step].spelled())
			}
		}
		for _, step := range []string{"name", "arguments"} {
			if inner := from.child(step); inner != nil {
				function.Add(step, inner.spelled())
			}
		}
		if !call.Has("type") {
			call.AddText("type", "function")
		}
		call.Add("function", function.JSON())
		calls[i] = call.JSON()
	}
	return jsontext.List(calls)
}

// contents converts the parts of a content: message_content.type, .text and the like.
func (n *tree) contents() json.RawMessage {
	list, _ := n.numbers()
	parts := make([]json.RawMessage, len(list))
	for i, at := range list {
		if inner := at.child("message_content"); inner != nil {
			at = inner
		}
		parts[i] = at.spelled()
	}
	return jsontext.List(parts)
}

// numberedTools returns the definitions of tools in numbered attributes.
func (t *taken) numberedTools() json.RawMessage {
	for _, p := range numberedTools {
		var list []json.RawMessage
		for _, at := range t.numbered(p) {
			if schema := at.child("json_schema"); schema != nil {
				if text, err := jsontext.Plain(schema.spelled()); err == nil {
					list = append(list, asJSON(text))
					continue
				}
			}
			list = append(list, at.spelled())
		}
		if len(list) > 0 {
			return jsontext.List(list)
		}
	}
	return nil
}

// messageEvents are the events for messages of the question, with the role of each; answerEvents are those for answers.
var (
	messageEvents = map[string]string{"gen_ai.system.message": "system", "gen_ai.user.message": "user", "gen_ai.assistant.message": "assistant", "gen_ai.tool.message": "tool"}
	answerEvents  = map[string]string{"gen_ai.choice": "assistant"}
)

// eventMessages are the messages in the span's events with these names, in their order.
func (t *taken) eventMessages(roles map[string]string) (list []json.RawMessage) {
	for i, e := range t.s.events {
		if role, ok := roles[e.name]; ok {
			t.events[i] = true
			list = append(list, e.message(role))
		}
	}
	return list
}

// eventNames are the attributes of an event that are not about the message.
var eventNames = map[string]bool{"event.name": true, "gen_ai.system": true, "gen_ai.provider.name": true, "index": true}

// bodies are the names of a body: its members are the message's.
var bodies = map[string]bool{"gen_ai.event.content": true, "message": true}

// message converts an event to a message. Its members are in the attributes, in the text of gen_ai.event.content, or,
// for an answer, in the member message of either.
func (e *genEvent) message(role string) json.RawMessage {
	var all jsontext.Fields
	for _, m := range e.attrs.Fields {
		spread(&all, m.Name, e.attrs.spelled(m))
	}
	out := jsontext.Fields{}
	if !all.Has("role") {
		out.AddText("role", role)
	}
	for _, m := range all {
		if m.Name == "id" && e.name == "gen_ai.tool.message" { // of the call
			m.Name = "tool_call_id"
		}
		out = append(out, m)
	}
	return out.JSON()
}

// spread adds a member, or the members of a body. The first one with a name counts.
func spread(all *jsontext.Fields, name string, value json.RawMessage) {
	if text, err := jsontext.Plain(value); err == nil && jsontext.Kind(value) == '"' && name != "content" {
		value = asJSON(text)
	}
	if bodies[name] && jsontext.Kind(value) == '{' {
		if inner, err := jsontext.FieldsOf(value); err == nil {
			for _, m := range inner {
				spread(all, m.Name, m.Value)
			}
			return
		}
	}
	if bodies[name] {
		name = "content"
	}
	if !eventNames[name] && !all.Has(name) {
		*all = append(*all, jsontext.Member{Name: name, Value: value})
	}
}
