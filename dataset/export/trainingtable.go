package export

import (
	"encoding/json"
	"errors"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// The rows of training tables, a type for each kind of rows [ds-112].
type (
	messagesRow struct {
		Messages  []parquetMessage `parquet:"messages,list"`
		Tools     *string          `parquet:"tools,optional,plain"`     // JSON
		Functions *string          `parquet:"functions,optional,plain"` // JSON
	}
	completionRow struct {
		Prompt     []parquetMessage `parquet:"prompt,list"`
		Completion []parquetMessage `parquet:"completion,list"`
		Tools      *string          `parquet:"tools,optional,plain"`
		Functions  *string          `parquet:"functions,optional,plain"`
	}
	preferenceRow struct {
		Prompt    []parquetMessage `parquet:"prompt,list"`
		Chosen    []parquetMessage `parquet:"chosen,list"`
		Rejected  []parquetMessage `parquet:"rejected,list"`
		Tools     *string          `parquet:"tools,optional,plain"`
		Functions *string          `parquet:"functions,optional,plain"`
	}
)

// parquetMessage is a message of a chat.
type parquetMessage struct {
	Role      string        `parquet:"role,dict"`
	Content   *string       `parquet:"content,optional,plain"`
	Name      *string       `parquet:"name,optional,dict"`
	Reasoning *string       `parquet:"reasoning_content,optional,plain"`
	ToolCalls []parquetCall `parquet:"tool_calls,optional,list"`
	CallID    *string       `parquet:"tool_call_id,optional,plain"`
	More      *string       `parquet:"more,optional,plain"` // JSON: the message's other members
}

// parquetCall is a call in a message of the assistant.
type parquetCall struct {
	ID       *string         `parquet:"id,optional,plain"`
	Type     *string         `parquet:"type,optional,dict"`
	Function parquetFunction `parquet:"function"`
	More     *string         `parquet:"more,optional,plain"` // JSON: the call's other members
}

type parquetFunction struct {
	Name      string `parquet:"name,dict"`
	Arguments string `parquet:"arguments,plain"` // JSON
}

// Why a row of messages cannot be a row of a table [ds-114].
var (
	errNoText    = errors.New("content that is not text")
	errNoMessage = errors.New("a message of another form")
	errNoCall    = errors.New("a call of another form")
)

// tableRows returns rows of a table, of the type for kind, and the bytes of each. left lists the reasons for left-out
// rows.
func tableRows(kind Rows, list []training) (rows any, sizes []int, left []string) {
	switch kind {
	case RowsMessages:
		return rowsOf(list, func(m [][]parquetMessage, tools, functions *string) messagesRow {
			return messagesRow{m[0], tools, functions}
		})
	case RowsPromptCompletion:
		return rowsOf(list, func(m [][]parquetMessage, tools, functions *string) completionRow {
			return completionRow{m[0], m[1], tools, functions}
		})
	}
	return rowsOf(list, func(m [][]parquetMessage, tools, functions *string) preferenceRow {
		return preferenceRow{m[0], m[1], m[2], tools, functions}
	})
}

func rowsOf[T any](list []training, row func(columns [][]parquetMessage, tools, functions *string) T) (rows []T, sizes []int, left []string) {
	for _, t := range list {
		columns, err := t.table()
		if err != nil {
			left = append(left, err.Error())
			continue
		}
		rows = append(rows, row(columns, jsonOf(t.tools.Get("tools")), jsonOf(t.tools.Get("functions"))))
		sizes = append(sizes, len(t.JSON()))
	}
	return rows, sizes, left
}

// jsonOf is JSON without white space; nil for none.
func jsonOf(raw json.RawMessage) *string { return orNull(string(jsontext.Compact(raw))) }

// table returns the columns of a row's messages.
func (r training) table() (columns [][]parquetMessage, err error) {
	for _, c := range r.columns {
		list := make([]parquetMessage, len(c.messages))
		for i, raw := range c.messages {
			if list[i], err = newParquetMessage(raw); err != nil {
				return nil, err
			}
		}
		columns = append(columns, list)
	}
	return columns, nil
}

func newParquetMessage(raw json.RawMessage) (m parquetMessage, err error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return m, errNoMessage
	}
	role := false
	var more jsontext.Fields
	for _, x := range f {
		switch x.Name {
		case "role":
			m.Role, err = jsontext.TextOf(x.Value)
			role = true
		case "content":
			m.Content, err = contentOf(x.Value)
		case "name":
			err = textInto(&m.Name, x.Value)
		case "reasoning_content":
			err = textInto(&m.Reasoning, x.Value)
		case "tool_call_id":
			err = textInto(&m.CallID, x.Value)
		case "tool_calls":
			m.ToolCalls, err = parquetCalls(x.Value)
		default:
			more = append(more, x)
		}
		switch {
		case errors.Is(err, errNoText) || errors.Is(err, errNoCall):
			return m, err
		case err != nil:
			return m, errNoMessage
		}
	}
	if !role {
		return m, errNoMessage
	}
	m.More = moreOf(more)
	return m, nil
}

func moreOf(f jsontext.Fields) *string {
	if len(f) == 0 {
		return nil
	}
	return jsonOf(f.JSON())
}

// textInto reads a text, or null.
func textInto(to **string, raw json.RawMessage) error {
	if jsontext.Kind(raw) == 'n' {
		return nil
	}
	text, err := jsontext.TextOf(raw)
	*to = &text
	return err
}

// contentOf is the content of a message: a text, null, or the concatenated texts of its parts.
func contentOf(raw json.RawMessage) (*string, error) {
	var text *string
	if jsontext.Kind(raw) != '[' {
		if textInto(&text, raw) != nil {
			return nil, errNoText
		}
		return text, nil
	}
	parts, err := jsontext.ListOf(raw)
	if err != nil {
		return nil, errNoText
	}
	all := ""
	for _, p := range parts {
		f, err := jsontext.FieldsOf(p)
		kind, noKind := jsontext.TextOf(f.Get("type"))
		part, noText := jsontext.TextOf(f.Get("text"))
		if err != nil || noKind != nil || noText != nil || kind != "text" {
			return nil, errNoText
		}
		all += part
	}
	return &all, nil
}

func parquetCalls(raw json.RawMessage) ([]parquetCall, error) {
	if jsontext.Kind(raw) == 'n' {
		return nil, nil
	}
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return nil, errNoCall
	}
	calls := make([]parquetCall, len(list))
	for i, item := range list {
		if calls[i], err = newParquetCall(item); err != nil {
			return nil, errNoCall
		}
	}
	return calls, nil
}

func newParquetCall(raw json.RawMessage) (c parquetCall, err error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return c, err
	}
	var more jsontext.Fields
	var function json.RawMessage
	for _, x := range f {
		switch x.Name {
		case "id":
			err = textInto(&c.ID, x.Value)
		case "type":
			err = textInto(&c.Type, x.Value)
		case "function":
			function = x.Value
		default:
			more = append(more, x)
		}
		if err != nil {
			return c, err
		}
	}
	c.More = moreOf(more)
	g, err := jsontext.FieldsOf(function)
	if err != nil || len(g) != 2 {
		return c, errNoCall
	}
	if c.Function.Name, err = jsontext.TextOf(g.Get("name")); err != nil {
		return c, err
	}
	if arguments := g.Get("arguments"); jsontext.Kind(arguments) == '{' {
		c.Function.Arguments = string(arguments)
	} else {
		c.Function.Arguments, err = jsontext.TextOf(arguments)
	}
	return c, err
}
