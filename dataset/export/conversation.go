package export

import (
	"encoding/json"
	"strconv"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// turn is one call of a model in the form for trainers: the question and the answer. Messages of chats stay unchanged;
// those of other forms are converted to chat messages.
type turn struct {
	asked  []json.RawMessage
	answer []json.RawMessage
	after  []json.RawMessage // messages after the answer
	tools  jsontext.Fields   // the member tools, or functions; empty: none
	choice bool              // the answer is one of several given at once

	texts           bool // both are plain texts, not messages
	question, reply string
}

// turnsOf returns the calls of models in an episode, in order, that were answered and whose payloads are here. An
// episode with only tools is one conversation of their calls.
func turnsOf(l *Line) []*turn {
	var list []*turn
	ofModels := false
	for i := range l.Receipts {
		if r := &l.Receipts[i]; r.model {
			ofModels = true
			if t := modelTurn(l.Source, r); t != nil {
				list = append(list, t.choices()...)
			}
		}
	}
	if ofModels {
		return list
	}
	if t := toolTurn(l); t != nil {
		return []*turn{t}
	}
	return nil
}

// textOf is a payload's text; ok is false if it is withheld, missing, or not a text.
func (p *Payload) textOf() (text string, ok bool) {
	if p == nil || p.Text == nil {
		return "", false
	}
	return *p.Text, true
}

// modelTurn reads a call of a model; nil if it was not answered.
func modelTurn(source string, r *ReceiptLine) *turn {
	question, ok := r.Request.textOf()
	reply, answered := r.Response.textOf()
	details, err := jsontext.FieldsOf(orEmpty(r.Details))
	if !ok || !answered || r.Status >= 400 || unanswered(source, r) || err != nil || reply == "" && details.Get("message") == nil {
		return nil
	}
	t := &turn{question: question, reply: reply}
	read := messagesIn
	if source == "chat" {
		read = chatsIn // they stay unchanged
	}
	messages, plain := t.ask(question, read)
	t.asked = messages
	if answer := details.Get("message"); answer != nil {
		t.answer = []json.RawMessage{answer}
	} else if list := messagesIn(reply); list != nil && source != "chat" {
		t.answer = list
	} else {
		t.answer, t.texts = []json.RawMessage{textMessage("assistant", reply)}, plain
	}
	if after := details.Get("after"); after != nil {
		if list, err := jsontext.ListOf(after); err == nil {
			t.after = list
		}
	}
	return t
}

// unanswered reports whether an imported record has no answer: nobody knows it.
func unanswered(source string, r *ReceiptLine) bool { return source != "" && r.Status == 204 }

// choices returns a turn for each answer: several messages of the assistant are alternatives given by the model, not a
// conversation.
func (t *turn) choices() []*turn {
	if len(t.answer) < 2 || t.after != nil {
		return []*turn{t}
	}
	var list []*turn
	for _, answer := range t.answer {
		f, err := jsontext.FieldsOf(answer)
		if role, noText := jsontext.PlainText(f.Get("role")); err != nil || noText != nil || role != "assistant" {
			return []*turn{t}
		}
		one := *t
		one.answer, one.choice = []json.RawMessage{answer}, true
		list = append(list, &one)
	}
	return list
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

// ask reads the question: {"messages", "tools", "system_instructions" or "system"}, a list of messages, or a text,
// which then comes from the user. plain reports a text.
func (t *turn) ask(question string, read func(string) []json.RawMessage) (messages []json.RawMessage, plain bool) {
	if list := read(question); list != nil {
		return list, false
	}
	raw := json.RawMessage(question)
	if jsontext.Check(raw) != nil || jsontext.Kind(raw) != '{' {
		return []json.RawMessage{textMessage("user", question)}, true
	}
	f, err := jsontext.FieldsOf(raw)
	if err != nil || f.Get("messages") == nil {
		return []json.RawMessage{textMessage("user", question)}, true
	}
	if system := f.Get("system_instructions"); system != nil {
		text, err := jsontext.PlainText(system)
		if err == nil {
			messages = append(messages, textMessage("system", partTexts(text)))
		}
	}
	switch system := f.Get("system"); jsontext.Kind(system) {
	case '"':
		if text, err := jsontext.TextOf(system); err == nil {
			messages = append(messages, textMessage("system", text))
		}
	case '[':
		m := jsontext.Fields{{Name: "role", Value: jsontext.Text("system")}, {Name: "content", Value: system}}
		messages = append(messages, m.JSON())
	}
	if list := read(string(f.Get("messages"))); list != nil {
		messages = append(messages, list...)
	} else if text, err := jsontext.PlainText(f.Get("messages")); err == nil && text != "[]" {
		messages = append(messages, textMessage("user", text))
	}
	t.tools.Add("tools", f.Get("tools"))
	t.tools.Add("functions", f.Get("functions"))
	return messages, false
}

// textMessage is a message with a text.
func textMessage(role, text string) json.RawMessage {
	return jsontext.Fields{{Name: "role", Value: jsontext.Text(role)}, {Name: "content", Value: jsontext.Text(text)}}.JSON()
}

// chatsIn reads a JSON list of messages; nil for any other text.
func chatsIn(text string) []json.RawMessage {
	raw := json.RawMessage(text)
	if jsontext.Kind(raw) != '[' || jsontext.Check(raw) != nil {
		return nil
	}
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return nil
	}
	for _, item := range list {
		if f, err := jsontext.FieldsOf(item); err != nil || jsontext.Kind(f.Get("role")) != '"' {
			return nil
		}
	}
	return list
}

// messagesIn reads a JSON list of messages in other forms, and converts them to chat messages.
func messagesIn(text string) (messages []json.RawMessage) {
	for _, item := range chatsIn(text) {
		if f, err := jsontext.FieldsOf(item); err == nil {
			messages = append(messages, chatMessages(item, f)...)
		}
	}
	return messages
}

// chatMessages converts a message to chat messages: one in the conventions for generative AI, {"role", "parts"}, or one
// with calls or answers among the parts of its content. Any other message stays unchanged, except that the reason why
// it ended is removed.
func chatMessages(raw json.RawMessage, f jsontext.Fields) []json.RawMessage {
	parts, err := jsontext.ListOf(f.Get("parts"))
	if err != nil {
		parts, err = partsWithCalls(f.Get("content"))
	}
	if err != nil {
		if !f.Has("finish_reason") {
			return []json.RawMessage{jsontext.Compact(raw)}
		}
		var out jsontext.Fields
		for _, m := range f {
			if m.Name != "finish_reason" {
				out = append(out, m)
			}
		}
		return []json.RawMessage{jsontext.Compact(out.JSON())}
	}
	m := &partMessage{role: f.Get("role")}
	for _, p := range parts {
		m.part(p)
	}
	return m.messages()
}

// toolCallOf is a call in a message of the assistant. id and name are JSON.
func toolCallOf(id, name json.RawMessage, arguments string) json.RawMessage {
	function := jsontext.Fields{}
	function.Add("name", name)
	function.Add("arguments", jsontext.Text(arguments))
	var call jsontext.Fields
	call.Add("id", id)
	call.Add("type", jsontext.Text("function"))
	call.Add("function", function.JSON())
	return call.JSON()
}

// toolAnswer is a message of the role tool.
func toolAnswer(id json.RawMessage, content string) json.RawMessage {
	f := jsontext.Fields{{Name: "role", Value: jsontext.Text("tool")}}
	f.Add("tool_call_id", id)
	f.Add("content", jsontext.Text(content))
	return f.JSON()
}

// toolTurn writes the calls of an episode without a model: the assistant calls the tools, and the last answer is the
// completion. Nil if the last call failed, a payload is missing, or an import has no answer.
func toolTurn(l *Line) *turn {
	calls := l.Receipts
	if l.Source != "" && len(calls) > 1 { // the last receipt of an import repeats it
		calls = calls[:len(calls)-1]
	}
	if len(calls) == 0 || calls[len(calls)-1].Status >= 400 {
		return nil
	}
	t := &turn{texts: true}
	var made, answers []json.RawMessage
	for i := range calls {
		r := &calls[i]
		request, asked := r.Request.textOf()
		response, answered := r.Response.textOf()
		if !asked || !answered || unanswered(l.Source, r) || r.Tool == "" {
			return nil
		}
		if r.Status >= 400 && response == "" {
			response = r.Notes
		}
		id := jsontext.Text("call_" + strconv.Itoa(i+1))
		if f, err := jsontext.FieldsOf(orEmpty(r.Details)); err == nil && jsontext.Kind(f.Get("id")) == '"' {
			id = f.Get("id")
		}
		made = append(made, toolCallOf(id, jsontext.Text(r.Tool), request))
		answers = append(answers, toolAnswer(id, response))
		t.question, t.reply = request, response
	}
	caller := jsontext.Fields{{Name: "role", Value: jsontext.Text("assistant")}, {Name: "content", Value: jsontext.Text("")}, {Name: "tool_calls", Value: jsontext.List(made)}}
	t.asked, t.answer = []json.RawMessage{caller.JSON()}, answers
	return t
}
