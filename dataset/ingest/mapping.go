package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// Mapping says where things stand in JSON lines of any form, by JSON pointers:
//
//	name: feedback            # of the form; letters, digits, - and _
//	input: /prompt
//	output: /completion
//	time: /created            # the rest may be left out
//	status: /code
//	model: /model
//	calls:
//	  each: /steps            # a list; the others point into its items
//	  tool: /name
//	  request: /args
//	  response: /result
//	  status: /code
//	  time: /at
//	signals:
//	  - {type: reward, value: /score}
type Mapping struct {
	Form    string          `yaml:"name"`
	Input   pointer         `yaml:"input"`
	Output  pointer         `yaml:"output"`
	Time    pointer         `yaml:"time"`
	Status  pointer         `yaml:"status"`
	Model   pointer         `yaml:"model"`
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
}

type signalMapping struct {
	Type  string  `yaml:"type"`
	Value pointer `yaml:"value"`
}

// pointer is a JSON pointer (RFC 6901).
type pointer []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *pointer) UnmarshalYAML(n *yaml.Node) error {
	if !strings.HasPrefix(n.Value, "/") {
		return fmt.Errorf("line %d: %q is no JSON pointer, such as /prompt", n.Line, n.Value)
	}
	for step := range strings.SplitSeq(n.Value[1:], "/") {
		*p = append(*p, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
	}
	return nil
}

// at is the value that the pointer leads to; nil where nothing is.
func (p pointer) at(raw json.RawMessage) json.RawMessage {
	if p == nil {
		return nil
	}
	for _, step := range p {
		raw = bytes.TrimSpace(raw)
		switch {
		case len(raw) > 0 && raw[0] == '{':
			var members map[string]json.RawMessage
			if json.Unmarshal(raw, &members) != nil {
				return nil
			}
			raw = members[step]
		case len(raw) > 0 && raw[0] == '[':
			var items []json.RawMessage
			i, err := strconv.Atoi(step)
			if err != nil || json.Unmarshal(raw, &items) != nil || i < 0 || i >= len(items) {
				return nil
			}
			raw = items[i]
		default:
			return nil
		}
	}
	return raw
}

// ParseMapping reads a mapping in YAML.
func ParseMapping(data []byte) (*Mapping, error) {
	m := &Mapping{code: object.Sum(data)}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	if m.Input == nil || m.Output == nil {
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
	if m.Calls != nil && (m.Calls.Each == nil || m.Calls.Tool == nil) {
		return nil, errors.New("mapping: calls need each and tool")
	}
	for _, s := range m.Signals {
		if _, err := dataset.ParseSignalType(s.Type); err != nil || s.Value == nil {
			return nil, errors.Join(errors.New("mapping: signals need a type and a value"), err)
		}
	}
	return m, nil
}

// Name implements Reader.
func (m *Mapping) Name() string { return m.Form }

// Code implements Reader.
func (m *Mapping) Code() object.Hash { return m.code }

// Read implements Reader.
func (m *Mapping) Read(r io.Reader, fn func(*Record) error, bad func(*RecordError) error) error {
	return records(r, m.parse, fn, bad)
}

func (m *Mapping) parse(line []byte) (*Record, error) {
	if !json.Valid(line) {
		return nil, errors.New("it is no JSON")
	}
	rec := &Record{Input: plain(m.Input.at(line)), Output: plain(m.Output.at(line)), Model: string(plain(m.Model.at(line)))}
	if rec.Input == nil && rec.Output == nil {
		return nil, errors.New("neither input nor output is there")
	}
	var err error
	if rec.Status, err = statusOf(m.Status.at(line)); err != nil {
		return nil, err
	}
	if rec.Time, err = timeOf(m.Time.at(line)); err != nil {
		return nil, err
	}
	if rec.Calls, err = m.Calls.parse(line); err != nil {
		return nil, err
	}
	rec.Signals, err = m.signals(line)
	return rec, err
}

func (c *callMapping) parse(line []byte) (calls []Call, err error) {
	if c == nil {
		return nil, nil
	}
	var items []json.RawMessage
	if raw := c.Each.at(line); len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, fmt.Errorf("calls: %w", err)
		}
	}
	for i, item := range items {
		call := Call{Tool: string(plain(c.Tool.at(item))), Request: plain(c.Request.at(item)), Response: plain(c.Response.at(item))}
		if call.Tool == "" {
			return nil, fmt.Errorf("call %d names no tool", i+1)
		}
		if call.Status, err = statusOf(c.Status.at(item)); err != nil {
			return nil, fmt.Errorf("call %d: %w", i+1, err)
		}
		if call.Time, err = timeOf(c.Time.at(item)); err != nil {
			return nil, fmt.Errorf("call %d: %w", i+1, err)
		}
		calls = append(calls, call)
	}
	return calls, nil
}

// statusOf reads an HTTP-like number, or true and false.
func statusOf(raw json.RawMessage) (uint16, error) {
	switch text := string(plain(raw)); text {
	case "", "true", "ok", "OK", "success":
		return statusOK, nil
	case "false", "error", "ERROR", "failed":
		return statusFailed, nil
	default:
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("status %s is no number", raw)
		}
		return uint16(n), nil
	}
}

func (m *Mapping) signals(line []byte) (list []Signal, err error) {
	for _, s := range m.Signals {
		raw := s.Value.at(line)
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		t, err := dataset.ParseSignalType(s.Type)
		if err != nil {
			return nil, err
		}
		v, err := scalarOf(raw)
		if err != nil {
			return nil, fmt.Errorf("signal %s: %w", s.Type, err)
		}
		list = append(list, Signal{t, v})
	}
	return list, nil
}

// scalarOf reads a value that the protocol has: it knows no fractions.
func scalarOf(raw json.RawMessage) (v ir.Scalar, err error) {
	switch text := string(raw); {
	case text == "true":
		return ir.U64Scalar(1), nil
	case text == "false":
		return ir.U64Scalar(0), nil
	case raw[0] == '"':
		return ir.TextScalar(string(plain(raw))), nil
	case raw[0] == '-':
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return v, fmt.Errorf("%s is no whole number, which a signal's value is", text)
		}
		return ir.I64Scalar(n), nil
	default:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return v, fmt.Errorf("%s is no whole number, which a signal's value is", text)
		}
		return ir.U64Scalar(n), nil
	}
}
