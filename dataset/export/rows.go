package export

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// Rows is the form of an export's rows (spec/datasets.md#training-rows).
type Rows uint8

// The kinds of rows.
const (
	RowsRaw              Rows = iota // a Line: all evidence of an episode
	RowsMessages                     // {"messages", "tools"}: a conversation
	RowsPromptCompletion             // {"prompt", "completion"}: a call of a model
	RowsPreference                   // {"prompt", "chosen", "rejected"}: two answers, one of which signals prefer
)

var rowNames = []string{"raw", "messages", "prompt-completion", "preference"}

// ParseRows reads the output of String.
func ParseRows(name string) (Rows, error) {
	for i, n := range rowNames {
		if n == name {
			return Rows(i), nil
		}
	}
	return 0, fmt.Errorf("rows %q are not known (%s)", name, strings.Join(rowNames, ", "))
}

// String is the name on the command line.
func (r Rows) String() string { return rowNames[r] }

// training is a row for training.
type training struct {
	columns []column
	tools   jsontext.Fields // the member tools, or functions; empty: none
}

// column is a member of a row: a text, or messages.
type column struct {
	name     string
	text     *string
	messages []json.RawMessage
}

func messages(name string, list []json.RawMessage) column { return column{name: name, messages: list} }

// JSON is the row as a line, with its line feed.
func (r training) JSON() []byte {
	var row jsontext.Fields
	for _, c := range r.columns {
		if c.text != nil {
			row.Add(c.name, jsontext.Text(*c.text))
		} else {
			row.Add(c.name, jsontext.List(c.messages))
		}
	}
	return append(append(row, r.tools...).JSON(), '\n')
}

// leftNoAnswer is the reason why an episode gives no training row.
const leftNoAnswer = "no answer"

// trainingRows returns the rows of an episode, or why it gives none. Tables have messages even where lines have texts,
// because a column has one type.
func (x *exporter) trainingRows(ctx context.Context, l *Line) (list []training, left []string, err error) {
	if x.o.Rows == RowsPreference {
		return x.pair(ctx, l)
	}
	turns := turnsOf(l)
	if len(turns) == 0 {
		return nil, []string{leftNoAnswer}, nil
	}
	for i, t := range turns {
		if x.o.Rows == RowsMessages {
			if !t.goesOn(turns[i+1:]) {
				list = append(list, training{[]column{messages("messages", t.all())}, t.tools})
			}
			continue
		}
		prompt, completion := t.conversation()
		row := training{[]column{messages("prompt", prompt), messages("completion", completion)}, t.tools}
		if t.texts && x.o.Format == JSONL {
			row.columns[0].text, row.columns[1].text = &t.question, &t.reply
		}
		list = append(list, row)
	}
	return list, nil, nil
}

// goesOn reports whether the conversation is the beginning of a later one.
func (t *turn) goesOn(later []*turn) bool {
	all := t.all()
	for _, l := range later {
		if len(l.asked) < len(all) {
			continue
		}
		same := true
		for i := range all {
			same = same && string(l.asked[i]) == string(all[i])
		}
		if same {
			return true
		}
	}
	return false
}

// all are the messages of a conversation.
func (t *turn) all() []json.RawMessage {
	return append(append(append([]json.RawMessage{}, t.asked...), t.answer...), t.after...)
}

// conversation is the question and the answer, as messages. Texts become messages of a user and an assistant, even if
// they were written to a tool.
func (t *turn) conversation() (prompt, answer []json.RawMessage) {
	if t.texts {
		return []json.RawMessage{textMessage("user", t.question)}, []json.RawMessage{textMessage("assistant", t.reply)}
	}
	return t.asked, t.answer
}
