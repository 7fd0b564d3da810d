package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// pointer gives the payload with what the rule points at replaced, or nil when nothing
// is there. The payload must be one JSON value; it is written anew, compact, members
// sorted by name.
func (r *Redaction) pointer(rule redactRule, payload []byte) ([]byte, bool) {
	tree, err := parseJSON(payload)
	if err != nil {
		return nil, false
	}
	hit := false
	tree = r.replace(tree, rule.path, rule.Label, &hit)
	if !hit {
		return nil, true
	}
	out, err := marshalJSON(tree)
	return out, err == nil
}

func parseJSON(payload []byte) (tree any, err error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return tree, nil
}

// marshalJSON is json.Marshal without escaping for HTML.
func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (r *Redaction) replace(at any, path []string, label string, hit *bool) any {
	if len(path) == 0 {
		*hit = true
		text, ok := at.(string)
		if !ok {
			raw, err := marshalJSON(at)
			if err != nil {
				raw = nil // what was parsed encodes
			}
			text = string(raw)
		}
		return r.replacement(label, text)
	}
	switch v := at.(type) {
	case map[string]any:
		for name, member := range v {
			if path[0] == "*" || path[0] == name {
				v[name] = r.replace(member, path[1:], label, hit)
			}
		}
	case []any:
		for i, item := range v {
			if path[0] == "*" || path[0] == strconv.Itoa(i) {
				v[i] = r.replace(item, path[1:], label, hit)
			}
		}
	}
	return at
}

// strings searches every string and member name of a JSON value. ok becomes false when
// two members would have the same name.
func (r *Redaction) strings(rule redactRule, at any, hit, ok *bool) any {
	switch v := at.(type) {
	case string:
		return r.search(rule, v, hit)
	case []any:
		for i := range v {
			v[i] = r.strings(rule, v[i], hit, ok)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[r.search(rule, name, hit)] = r.strings(rule, member, hit, ok)
		}
		*ok = *ok && len(out) == len(v)
		return out
	}
	return at
}
