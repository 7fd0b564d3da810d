package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Harness is a program that runs tools for a model, and that asks a hook before each and tells
// it after.
type Harness struct {
	Name    string
	Title   string // for people
	session string // the member of an event that names the session
	events  map[string]form
	json    bool   // it reads on standard output that a call is refused, and why; else on standard error, and the exit status 2 refuses
	File    string // where the harness looks for its configuration
	version int    // of that; 0: none
	config  func(before, after string) any
}

// form is how a harness tells of an event. A member that is empty is not there.
type form struct {
	after    bool
	status   uint16 // of the outcome: 200, or that of a tool that failed
	tool     string // the tool, where the event names none
	name     string // the member with the tool's name
	input    string // the member with the input: an object, or a text that holds one
	command  string // or a member that is the input alone
	response string // the member with the response
	failure  string // the member that says why a tool failed
}

const (
	member = "tool_use_id"     // names the call, with each harness that has names for calls
	mode   = "permission_mode" // how the harness asks its user, where it says so
)

var asked = form{name: "tool_name", input: "tool_input"}

// ended is an event after a call.
func ended(response string, status uint16) form {
	return form{after: true, status: status, name: asked.name, input: asked.input, response: response}
}

// harnesses says of each which events there are and what they hold.
var harnesses = map[string]*Harness{
	"claude": {Name: "claude", Title: "Claude Code", session: "session_id", File: ".claude/settings.json", config: claudeConfig, events: map[string]form{
		"PreToolUse":         asked,
		"PostToolUse":        ended("tool_response", exec.StatusOK),
		"PostToolUseFailure": ended("error", exec.StatusFailed),
	}},
	"codex": {Name: "codex", Title: "Codex", session: "session_id", File: ".codex/hooks.json", config: codexConfig, events: map[string]form{
		"PreToolUse":  asked,
		"PostToolUse": ended("tool_response", exec.StatusOK),
	}},
	"gemini": {Name: "gemini", Title: "Gemini CLI", session: "session_id", File: ".gemini/settings.json", config: geminiConfig, events: map[string]form{
		"BeforeTool": asked,
		"AfterTool":  ended("tool_response", exec.StatusOK),
	}},
	"cursor": {Name: "cursor", Title: "Cursor", session: "conversation_id", File: ".cursor/hooks.json", version: 1, config: cursorConfig, json: true, events: map[string]form{
		"preToolUse":           asked,
		"postToolUse":          ended("tool_output", exec.StatusOK),
		"postToolUseFailure":   {after: true, status: exec.StatusFailed, name: asked.name, input: asked.input, response: "error_message", failure: "failure_type"},
		"beforeShellExecution": {tool: "Shell", command: "command"},
		"afterShellExecution":  {after: true, status: exec.StatusOK, tool: "Shell", command: "command", response: "output"},
		"beforeMCPExecution":   asked,
		"afterMCPExecution":    ended("result_json", exec.StatusOK),
	}},
}

// Names are the names of the harnesses, ascending.
func Names() []string { return slices.Sorted(maps.Keys(harnesses)) }

// For is the harness of a name.
func For(name string) (*Harness, bool) {
	h, ok := harnesses[name]
	return h, ok
}

// Bounds of an event.
const (
	MaxEvent = 32 << 20 // bytes
	maxDepth = 256      // of objects and lists in one another
	maxID    = 1024     // bytes of a session's or a call's name
)

// ErrEvent means that what came is not an event that the hook is for.
var ErrEvent = errors.New("it is not the event of a tool call")

// Event is what a harness tells of a call.
type Event struct {
	After    bool
	Session  string
	ID       string // of the call; empty: the harness has none
	Tool     string // its name at the harness
	Input    []byte // in plain form
	Response []byte // after: as it was written
	Status   uint16 // after
	Mode     string // how the harness asks its user; empty: it does not say
	Why      string // after a failure: of which kind it is
}

// Parse reads an event. What it cannot take exactly it refuses; the error wraps ErrEvent.
func (h *Harness) Parse(raw []byte) (*Event, error) {
	e, err := h.parse(raw)
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	return e, nil
}

// parse returns, with an error too, whether the event is one after a call, where that is known.
func (h *Harness) parse(raw []byte) (*Event, error) {
	e := &Event{}
	if len(raw) > MaxEvent {
		return e, fmt.Errorf("it has more than %d bytes", MaxEvent)
	}
	if depth(raw) > maxDepth {
		return e, fmt.Errorf("it is deeper than %d levels", maxDepth)
	}
	fields, err := jsontext.FieldsOf(raw)
	if err == nil && !json.Valid(raw) {
		err = errors.New("it is not JSON")
	}
	if err != nil {
		return e, err
	}
	name, err := text(fields, "hook_event_name", 64)
	if err != nil {
		return e, err
	}
	form, ok := h.events[name]
	if !ok {
		return e, fmt.Errorf("%s sends %q: this hook is for %q", h.Name, name, slices.Sorted(maps.Keys(h.events)))
	}
	e.After, e.Status, e.Tool = form.after, form.status, form.tool
	if e.Session, err = text(fields, h.session, maxID); err != nil {
		return e, err
	}
	if fields.Get(member) != nil {
		if e.ID, err = text(fields, member, maxID); err != nil {
			return e, err
		}
	}
	if form.name != "" {
		if e.Tool, err = text(fields, form.name, 128); err != nil {
			return e, err
		}
	}
	if fields.Get(mode) != nil {
		if e.Mode, err = text(fields, mode, 64); err != nil {
			return e, err
		}
	}
	if form.failure != "" && fields.Get(form.failure) != nil {
		if e.Why, err = text(fields, form.failure, 64); err != nil {
			return e, err
		}
	}
	if e.Input, err = form.inputOf(fields); err != nil || !form.after {
		return e, err
	}
	return e, e.outcome(fields, form)
}

// inputOf is what the tool is given: an object.
func (f form) inputOf(fields jsontext.Fields) ([]byte, error) {
	var input jsontext.Fields
	if f.command != "" {
		raw := fields.Get(f.command)
		if _, err := jsontext.TextOf(raw); err != nil {
			return nil, fmt.Errorf("%q: %w", f.command, err)
		}
		input.Add(f.command, raw)
		return jsontext.Canonical(input.JSON())
	}
	raw := fields.Get(f.input)
	if jsontext.Kind(raw) == '"' {
		inner, err := jsontext.TextOf(raw)
		if err == nil && depth([]byte(inner)) > maxDepth {
			err = fmt.Errorf("it is deeper than %d levels", maxDepth)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f.input, err)
		}
		raw = json.RawMessage(inner)
	}
	if jsontext.Kind(raw) != '{' {
		return nil, fmt.Errorf("%q is not an object", f.input)
	}
	plain, err := jsontext.Canonical(raw)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", f.input, err)
	}
	return plain, nil
}

// outcome reads what became of a call.
func (e *Event) outcome(fields jsontext.Fields, f form) error {
	at := slices.IndexFunc(fields, func(m jsontext.Member) bool { return m.Name == f.response })
	if at < 0 {
		return fmt.Errorf("it has no %q", f.response)
	}
	e.Response = fields[at].Value
	if e.Status == exec.StatusOK && failed(e.Response) {
		e.Status = exec.StatusFailed
	}
	if e.Why == "timeout" {
		e.Status = exec.StatusTimeout
	}
	return nil
}

// failed reports whether a response says itself that the tool failed: as a result of MCP does, by an isError that is not
// false, or as Gemini CLI does.
func failed(response json.RawMessage) bool {
	if jsontext.Kind(response) == '"' {
		inner, err := jsontext.TextOf(response)
		if err != nil {
			return false
		}
		response = json.RawMessage(inner)
	}
	fields, err := jsontext.FieldsOf(response)
	said, unclear := fields.Bool("isError")
	return err == nil && (said || unclear != nil || (fields.Has("llmContent") && fields.Get("error") != nil))
}

// text is a member that has to be a text of 1 to most bytes.
func text(fields jsontext.Fields, name string, most int) (string, error) {
	raw := fields.Get(name)
	if raw == nil {
		return "", fmt.Errorf("it has no %q", name)
	}
	value, err := jsontext.TextOf(raw)
	if err != nil {
		return "", fmt.Errorf("%q: %w", name, err)
	}
	if value == "" || len(value) > most || !utf8.ValidString(value) {
		return "", fmt.Errorf("%q is not a text of 1 to %d bytes", name, most)
	}
	return value, nil
}

// depth is how deep objects and lists lie in one another.
func depth(raw []byte) (most int) {
	now, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}
