package scope

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// literal is a value for eq and in: its kind and its text.
type literal struct {
	kind byte // as in jsontext.Kind, 0 for a number
	text string
}

// parseLiteral reads the value of a constraint. true, false and null are themselves, digits are an integer, text in
// quotes is a JSON string, and any other text is a string. It refuses a number that is not a plain integer, because
// some programs would read it as another number.
func parseLiteral(text string) (literal, error) {
	switch {
	case text == "true" || text == "false":
		return literal{text[0], text}, nil
	case text == "null":
		return literal{'n', text}, nil
	case isInteger(text):
		return literal{0, text}, nil
	case strings.HasPrefix(text, `"`):
		var s string
		if err := jsontext.Unmarshal([]byte(text), &s); err != nil {
			return literal{}, fmt.Errorf("%s is not a JSON string: %w", text, err)
		}
		return literal{'"', s}, nil
	case json.Valid([]byte(text)) && text[0] != '[' && text[0] != '{' && strings.TrimSpace(text) == text:
		return literal{}, fmt.Errorf("%s is not a plain integer; as a text it stands in quotes", text)
	}
	return literal{'"', text}, nil
}

// is reports whether a value of a request equals the literal in kind and text. A number that is not a plain integer
// equals nothing.
func (l literal) is(at json.RawMessage) bool {
	if jsontext.IsNumber(at) {
		return l.kind == 0 && string(at) == l.text && isInteger(l.text)
	}
	return jsontext.Kind(at) == l.kind && scalar(at) == l.text
}

// String is the literal as JSON.
func (l literal) String() string {
	if l.kind == '"' {
		return fmt.Sprintf("%q", l.text)
	}
	return l.text
}

// parseLiterals reads values separated by |. A value in quotes may contain a |.
func parseLiterals(text string) ([]literal, error) {
	parts, err := splitValues(text)
	if err != nil {
		return nil, err
	}
	list := make([]literal, len(parts))
	for i, part := range parts {
		if list[i], err = parseLiteral(part); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parseNames reads names of members separated by |. An empty text is not a name. A name in quotes is a JSON string; any
// other name is itself.
func parseNames(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	parts, err := splitValues(text)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if strings.HasPrefix(part, `"`) {
			l, err := parseLiteral(part)
			if err != nil {
				return nil, err
			}
			parts[i] = l.text
		}
	}
	return parts, nil
}

// splitValues splits at each | outside quotes.
func splitValues(text string) (parts []string, err error) {
	for {
		end := 0
		if strings.HasPrefix(text, `"`) {
			if end, err = quoted(text); err != nil {
				return nil, err
			}
			if end < len(text) && text[end] != '|' {
				return nil, fmt.Errorf("%q: something follows the quotes", text)
			}
		}
		next := strings.IndexByte(text[end:], '|')
		if next < 0 {
			return append(parts, text), nil
		}
		parts, text = append(parts, text[:end+next]), text[end+next+1:]
	}
}

// quoted returns the end of the JSON string that text begins with.
func quoted(text string) (int, error) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1, nil
		}
	}
	return 0, errors.New("a quotation mark is missing")
}
