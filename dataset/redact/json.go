package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// pointer returns the payload with the rule's target replaced, or nil if there is none. The payload must be one JSON
// value that all parsers read alike; it is written again, compact, with members sorted by name.
func (r *Rules) pointer(rule compiled, payload []byte) ([]byte, bool) {
	if jsontext.Check(payload) != nil {
		return nil, false
	}
	hit := false
	out, err := r.replace(payload, rule.path, rule.Label, &hit)
	if err != nil || !hit {
		return nil, err == nil
	}
	return out, true
}

// replace replaces the value at the path; a step may be "*".
func (r *Rules) replace(at json.RawMessage, path []string, label string, hit *bool) (json.RawMessage, error) {
	if len(path) == 0 {
		*hit = true
		text, err := rewrite(at, keep)
		if err == nil && jsontext.Kind(at) == '"' {
			var plain string
			plain, err = jsontext.TextOf(at)
			text = []byte(plain)
		}
		return jsontext.Text(r.Replacement(label, string(text))), err
	}
	inner := func(step string, value json.RawMessage) (json.RawMessage, error) {
		if path[0] == "*" || path[0] == step {
			return r.replace(value, path[1:], label, hit)
		}
		return rewrite(value, keep)
	}
	switch jsontext.Kind(at) {
	case '{':
		return eachMember(at, inner)
	case '[':
		return eachItem(at, inner)
	}
	return rewrite(at, keep)
}

// within searches every string and member name of a JSON value. It returns the value with matches replaced, or nil if
// there are none.
func (r *Rules) within(rule compiled, value []byte) ([]byte, error) {
	if err := jsontext.Check(value); err != nil {
		return nil, err
	}
	hit := false
	out, err := rewrite(value, func(text string) string { return r.search(rule, text, &hit) })
	if !hit {
		return nil, err
	}
	return out, err
}

func keep(text string) string { return text }

// rewrite writes a JSON value again, compact, with members sorted by name, and with every string and name replaced by
// change's result. Numbers keep their digits.
func rewrite(at json.RawMessage, change func(string) string) (json.RawMessage, error) {
	switch jsontext.Kind(at) {
	case '{':
		renamed := func(_ string, value json.RawMessage) (json.RawMessage, error) { return rewrite(value, change) }
		f, err := jsontext.FieldsOf(at)
		if err != nil {
			return nil, err
		}
		for i := range f {
			f[i].Name = change(f[i].Name)
		}
		return written(f, renamed)
	case '[':
		return eachItem(at, func(_ string, value json.RawMessage) (json.RawMessage, error) { return rewrite(value, change) })
	case '"':
		text, err := jsontext.TextOf(at)
		return jsontext.Text(change(text)), err
	}
	return bytes.TrimSpace(at), nil
}

func eachMember(at json.RawMessage, fn func(step string, value json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	f, err := jsontext.FieldsOf(at)
	if err != nil {
		return nil, err
	}
	return written(f, fn)
}

var errSameName = errors.New("two members have the same name once they are redacted")

// written writes an object with sorted members. It is an error if two have the same name after the change.
func written(f jsontext.Fields, fn func(step string, value json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	if len(f) == 0 {
		return json.RawMessage("{}"), nil
	}
	slices.SortFunc(f, func(a, b jsontext.Member) int { return strings.Compare(a.Name, b.Name) })
	for i := range f {
		if i > 0 && f[i].Name == f[i-1].Name {
			return nil, errSameName
		}
		value, err := fn(f[i].Name, f[i].Value)
		if err != nil {
			return nil, err
		}
		f[i].Value = value
	}
	return f.JSON(), nil
}

func eachItem(at json.RawMessage, fn func(step string, value json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	items, err := jsontext.ListOf(at)
	for i := 0; i < len(items) && err == nil; i++ {
		items[i], err = fn(strconv.Itoa(i), items[i])
	}
	return jsontext.List(items), err
}
