package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/object"
)

// Mapping locates the parts of a record in JSON lines of any form, by JSON pointers:
//
//	name: feedback            # of the form; letters, digits, - and _
//	input: /prompt
//	output: /completion
//	time: /created            # the rest is optional
//	status: /code
//	model: /model
//	calls:
//	  each: /steps            # a list; the others point into its items
//	  tool: /name
//	  request: /args
//	  response: /result
//	  status: /code
//	  time: /at
//	  id: /id
//	  error: /error           # a reason: the call failed if it is not null, false, 0 or empty
//	usage: /usage             # these four are kept as they are
//	finish_reason: /stop
//	conversation: /session
//	error: /error             # a reason: the answer failed if it is not null, false, 0 or empty
//	signals:
//	  - {type: reward, value: /score, scale: 1000}   # 0.8 becomes 800
type Mapping struct {
	Form    string          `yaml:"name"`
	Input   pointer         `yaml:"input"`
	Output  pointer         `yaml:"output"`
	Time    pointer         `yaml:"time"`
	Status  pointer         `yaml:"status"`
	Model   pointer         `yaml:"model"`
	Usage   pointer         `yaml:"usage"`
	Finish  pointer         `yaml:"finish_reason"`
	Talk    pointer         `yaml:"conversation"`
	Error   pointer         `yaml:"error"`
	Calls   *callMapping    `yaml:"calls"`
	Signals []signalMapping `yaml:"signals"`

	code object.Hash
}

type callMapping struct {
	Each     pointer `yaml:"each"`
	Tool     pointer `yaml:"tool"`
	Request  pointer `yaml:"request"`
	Response pointer `yaml:"response"`
	Status   pointer `yaml:"status"`
	Time     pointer `yaml:"time"`
	ID       pointer `yaml:"id"`
	Error    pointer `yaml:"error"`
}

type signalMapping struct {
	Type  string  `yaml:"type"`
	Value pointer `yaml:"value"`
	Scale int64   `yaml:"scale"` // factor of the value; 0: 1
}

// pointer is a JSON pointer; nil: the mapping has none.
type pointer struct{ jsontext.Pointer }

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *pointer) UnmarshalYAML(n *yaml.Node) (err error) {
	if !strings.HasPrefix(n.Value, "/") {
		return fmt.Errorf("line %d: %q is not a JSON pointer, such as /prompt", n.Line, n.Value)
	}
	if p.Pointer, err = jsontext.ParsePointer(n.Value); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

func (p pointer) missing() bool { return p.Pointer == nil }

// at is the value at the pointer; nil if there is none, or null.
func (p pointer) at(raw json.RawMessage) (json.RawMessage, error) {
	if p.missing() {
		return nil, nil
	}
	raw, err := p.In(raw)
	if jsontext.Kind(raw) == 'n' {
		return nil, err
	}
	return raw, err
}

// reading reads values by pointers, and keeps the first error.
type reading struct {
	line json.RawMessage
	err  error
}

func (r *reading) raw(p pointer) json.RawMessage {
	raw, err := p.at(r.line)
	r.keep(err)
	return raw
}

// value is the text, or the compact JSON, at the pointer.
func (r *reading) value(p pointer) []byte {
	text, err := jsontext.Plain(r.raw(p))
	r.keep(err)
	return text
}

// outcome is a status, and the reason of a failure. If neither was recorded, nor a response, nobody knows the outcome.
func (r *reading) outcome(status, reason, response pointer) (code uint16, note string) {
	code, err := statusOf(r.raw(status))
	r.keep(err)
	recorded := r.raw(status) != nil
	text, err := failure(r.raw(reason))
	r.keep(err)
	switch {
	case text != "" && recorded:
		note = "error: " + text
	case text != "":
		code, note = foreign.StatusFailed, "error: "+text
	case !recorded && r.raw(response) == nil:
		code, note = foreign.StatusNothing, noteUnanswered
	}
	return code, note
}

func (r *reading) time(p pointer) object.Time {
	t, err := timeOf(r.raw(p))
	r.keep(err)
	return t
}

func (r *reading) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// ParseMapping reads a mapping in YAML.
func ParseMapping(data []byte) (*Mapping, error) {
	m := &Mapping{code: object.Sum(data)}
	if err := strictyaml.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	if m.Input.missing() || m.Output.missing() {
		return nil, errors.New("mapping: input and output are expected")
	}
	if m.Form == "" {
		m.Form = "mapping"
	}
	for _, r := range m.Form {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", r) {
			return nil, fmt.Errorf("mapping: name %q: letters, digits, - and _ are expected", m.Form)
		}
	}
	if m.Calls != nil && (m.Calls.Each.missing() || m.Calls.Tool.missing()) {
		return nil, errors.New("mapping: calls need each and tool")
	}
	for _, s := range m.Signals {
		if _, err := signal.ParseType(s.Type); err != nil || s.Value.missing() {
			return nil, errors.Join(errors.New("mapping: signals need a type and a value"), err)
		}
		if s.Scale < 0 {
			return nil, fmt.Errorf("mapping: signal %s: scale %d: a factor from 1 on is expected", s.Type, s.Scale)
		}
	}
	return m, nil
}

// Name implements foreign.Reader.
func (m *Mapping) Name() string { return m.Form }

// Code implements foreign.Reader.
func (m *Mapping) Code() object.Hash { return m.code }

// Read implements foreign.Reader.
func (m *Mapping) Read(r io.Reader, h foreign.Handler) error {
	return records(r, h, func(line []byte, _ foreign.Handler) (*foreign.Record, error) { return m.parse(line) })
}

func (m *Mapping) parse(line []byte) (*foreign.Record, error) {
	r := &reading{line: line}
	rec := &foreign.Record{Input: r.value(m.Input), Output: r.value(m.Output), Model: string(r.value(m.Model)), Time: r.time(m.Time)}
	rec.Status, rec.Note = r.outcome(m.Status, m.Error, m.Output)
	if r.err == nil && rec.Input == nil && rec.Output == nil {
		return nil, errors.New("neither input nor output is there")
	}
	var d jsontext.Fields
	d.AddText("model", rec.Model)
	for _, kept := range []struct {
		name string
		at   pointer
	}{{"usage", m.Usage}, {"finish_reason", m.Finish}, {"conversation", m.Talk}} {
		if raw := r.raw(kept.at); raw != nil {
			d.Add(kept.name, jsontext.Compact(raw))
		}
	}
	rec.Details = foreign.Details(d.JSON())
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if rec.Calls, err = m.Calls.parse(line); err != nil {
		return nil, err
	}
	rec.Signals, err = m.signals(line)
	return rec, err
}

func (c *callMapping) parse(line []byte) (calls []foreign.Call, err error) {
	if c == nil {
		return nil, nil
	}
	raw, err := c.Each.at(line)
	if err != nil || raw == nil {
		return nil, err
	}
	items, err := jsontext.ListOf(raw)
	if err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	for i, item := range items {
		r := &reading{line: item}
		call := foreign.Call{Tool: string(r.value(c.Tool)), Request: r.value(c.Request), Response: r.value(c.Response), Time: r.time(c.Time)}
		call.Status, call.Note = r.outcome(c.Status, c.Error, c.Response)
		var d jsontext.Fields
		if id := r.raw(c.ID); id != nil {
			d.Add("id", jsontext.Compact(id))
		}
		call.Details = foreign.Details(d.JSON())
		if r.err == nil && call.Tool == "" {
			r.err = errors.New("it names no tool")
		}
		if r.err != nil {
			return nil, fmt.Errorf("call %d: %w", i+1, r.err)
		}
		calls = append(calls, call)
	}
	return calls, nil
}

func (m *Mapping) signals(line []byte) (list []foreign.Signal, err error) {
	for _, s := range m.Signals {
		raw, err := s.Value.at(line)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			continue
		}
		t, err := signal.ParseType(s.Type)
		if err != nil {
			return nil, err
		}
		v, err := scalarOf(raw, max(s.Scale, 1))
		if err != nil {
			return nil, fmt.Errorf("signal %s: %w", s.Type, err)
		}
		list = append(list, foreign.Signal{Type: t, Value: v})
	}
	return list, nil
}
