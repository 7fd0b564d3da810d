package otel

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mythos-project/mythos/internal/decimal"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// attributes are those of a span, an event or a log record: names with plain JSON.
type attributes struct {
	jsontext.Fields
	bytes map[string][]byte // the bytes values, which are base64 in JSON
}

// parseAttributes reads [{"key", "value"}, ...].
func parseAttributes(raw json.RawMessage) (out attributes, err error) {
	if raw == nil {
		return out, nil
	}
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return out, fmt.Errorf("attributes: %w", err)
	}
	seen := map[string]int{}
	for _, item := range list {
		f, err := jsontext.FieldsOf(item)
		if err != nil {
			return out, fmt.Errorf("attributes: %w", err)
		}
		key, err := jsontext.PlainText(f.Get("key"))
		if err != nil {
			return out, fmt.Errorf("attributes: %w", err)
		}
		value, err := anyJSON(f.Get("value"), 1)
		if err != nil {
			return out, fmt.Errorf("attribute %s: %w", key, err)
		}
		if at, twice := seen[key]; twice {
			if string(out.Fields[at].Value) != string(value) {
				return out, fmt.Errorf("the attribute %s stands twice, with two values", key)
			}
			continue
		}
		seen[key] = len(out.Fields)
		out.Fields = append(out.Fields, jsontext.Member{Name: key, Value: value})
		if data, ok := anyBytes(f.Get("value")); ok {
			if out.bytes == nil {
				out.bytes = map[string][]byte{}
			}
			out.bytes[key] = data
		}
	}
	return out, nil
}

// content is an attribute in the form of a question or an answer: a text or bytes unchanged, anything else as JSON. ok
// is false if it is missing. Values were checked when they were read.
func (a attributes) content(names ...string) (content []byte, ok bool) {
	for _, name := range names {
		if data, ok := a.bytes[name]; ok {
			return data, true
		}
		if raw := a.Get(name); raw != nil {
			text, err := jsontext.Plain(raw)
			return text, err == nil
		}
	}
	return nil, false
}

// text is the content of an attribute; base64 if it is not a text.
func (a attributes) text(names ...string) (string, bool) {
	content, ok := a.content(names...)
	return legible(content), ok
}

// spelled is an attribute in JSON: bytes that are text become that text.
func (a attributes) spelled(m jsontext.Member) json.RawMessage {
	if data, ok := a.bytes[m.Name]; ok {
		return jsontext.Text(legible(data))
	}
	return m.Value
}

// legible returns a text unchanged, and other bytes as base64.
func legible(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// anyBytes are the bytes of a parsed AnyValue; ok is false if it has none.
func anyBytes(raw json.RawMessage) (data []byte, ok bool) {
	if f, err := jsontext.FieldsOf(raw); err == nil && f.Get("bytesValue", "bytes_value") != nil {
		text, err := jsontext.TextOf(f.Get("bytesValue", "bytes_value"))
		data, ok = fromBase64(text)
		return data, ok && err == nil
	}
	return nil, false
}

// maxAnyDepth bounds how deep values nest.
const maxAnyDepth = 100

// anyJSON is an AnyValue as plain JSON: texts and numbers with their original digits, bytes as base64, as in OTLP. A
// value without a kind is null.
func anyJSON(raw json.RawMessage, depth int) (json.RawMessage, error) {
	if raw == nil {
		return json.RawMessage("null"), nil
	}
	if depth > maxAnyDepth {
		return nil, errors.New("values stand too deep inside one another")
	}
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, err
	}
	if len(f) == 0 {
		return json.RawMessage("null"), nil
	}
	if len(f) > 1 {
		return nil, errors.New("a value is of several kinds")
	}
	value := f[0].Value
	switch f[0].Name {
	case "stringValue", "string_value":
		text, err := jsontext.TextOf(value)
		if err != nil {
			return nil, err
		}
		return jsontext.Text(text), nil // whatever was escaped
	case "boolValue", "bool_value":
		if k := jsontext.Kind(value); k != 't' && k != 'f' {
			return nil, fmt.Errorf("%s is not a boolean", jsontext.Describe(value))
		}
		return value, nil
	case "intValue", "int_value":
		return anyInt(value)
	case "doubleValue", "double_value":
		return anyDouble(value)
	case "bytesValue", "bytes_value":
		text, err := jsontext.TextOf(value)
		if err != nil {
			return nil, err
		}
		if _, ok := fromBase64(text); !ok {
			return nil, errors.New("bytes are written in base64")
		}
		return value, nil
	case "arrayValue", "array_value":
		return anyList(value, depth)
	case "kvlistValue", "kvlist_value":
		return anyMap(value, depth)
	}
	return nil, fmt.Errorf("a value of the kind %q is not known", f[0].Name)
}

// anyInt reads an int64, which OTLP writes as a number or as a text.
func anyInt(raw json.RawMessage) (json.RawMessage, error) {
	text, err := jsontext.PlainText(raw)
	if err != nil {
		return nil, err
	}
	n, ok := decimal.Whole(text)
	if !ok || !n.IsInt64() {
		return nil, fmt.Errorf("%s is not a whole number of 64 bits", jsontext.Describe(raw))
	}
	return json.RawMessage(n.String()), nil
}

// anyDouble reads a double with its digits. A value that JSON cannot express as a number stays a text.
func anyDouble(raw json.RawMessage) (json.RawMessage, error) {
	if jsontext.IsNumber(raw) {
		return raw, nil
	}
	text, err := jsontext.TextOf(raw)
	if err != nil {
		return nil, err
	}
	if json.Valid([]byte(text)) && jsontext.IsNumber(json.RawMessage(text)) {
		return json.RawMessage(text), nil
	}
	if text == "NaN" || text == "Infinity" || text == "-Infinity" {
		return raw, nil
	}
	return nil, fmt.Errorf("%s is not a number", jsontext.Describe(raw))
}

func anyList(raw json.RawMessage, depth int) (json.RawMessage, error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, err
	}
	var values []json.RawMessage
	if inner := f.Get("values"); inner != nil {
		if values, err = jsontext.ListOf(inner); err != nil {
			return nil, err
		}
	}
	for i, v := range values {
		if values[i], err = anyJSON(v, depth+1); err != nil {
			return nil, err
		}
	}
	return jsontext.List(values), nil
}

func anyMap(raw json.RawMessage, depth int) (json.RawMessage, error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, err
	}
	var values []json.RawMessage
	if inner := f.Get("values"); inner != nil {
		if values, err = jsontext.ListOf(inner); err != nil {
			return nil, err
		}
	}
	var out jsontext.Fields
	for _, v := range values {
		kv, err := jsontext.FieldsOf(v)
		if err != nil {
			return nil, err
		}
		key, err := jsontext.PlainText(kv.Get("key"))
		if err != nil {
			return nil, err
		}
		if out.Has(key) {
			return nil, fmt.Errorf("the member %q stands twice", key)
		}
		value, err := anyJSON(kv.Get("value"), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, jsontext.Member{Name: key, Value: value})
	}
	if out == nil {
		return json.RawMessage("{}"), nil
	}
	return out.JSON(), nil
}

// otlpID is an id of size bytes in lower-case hex; letter case does not matter. Some exporters write base64, which its
// length reveals. An id in another form stays unchanged; an id of zeros means none.
func otlpID(raw json.RawMessage, size int) (string, error) {
	text, err := jsontext.PlainText(raw)
	if err != nil {
		return "", err
	}
	if bare := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X"), "-", ""); len(bare) == 2*size && isHex(bare) {
		return noZeros(strings.ToLower(bare)), nil // 0x in front, or dashes as in a UUID
	}
	if data, ok := fromBase64(text); ok && len(data) == size && len(text) < 2*size {
		text = hex.EncodeToString(data)
	}
	if isHex(text) {
		text = strings.ToLower(text)
	}
	return noZeros(text), nil
}

func isHex(text string) bool {
	_, err := hex.DecodeString(text + strings.Repeat("0", len(text)%2))
	return err == nil
}

// noZeros returns an id; empty for zeros.
func noZeros(id string) string {
	if strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

func fromBase64(text string) ([]byte, bool) {
	bare := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	data, err := base64.RawStdEncoding.DecodeString(bare)
	return data, err == nil
}
