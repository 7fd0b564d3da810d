package export

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// Rows says what a row of an export is (spec/datasets.md#training-rows).
type Rows uint8

// The kinds of rows.
const (
	RowsRaw              Rows = iota // a Line: all evidence of an episode
	RowsMessages                     // {"messages", "tools"}: a conversation
	RowsPromptCompletion             // {"prompt", "completion"}: a call of a model
	RowsPreference                   // {"prompt", "chosen", "rejected"}: two answers, of which signals prefer one
)

var rowNames = []string{"raw", "messages", "prompt-completion", "preference"}

// ParseRows reads what String gives.
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

// trainingRows are the rows of messages or prompt-completion that an episode gives, each
// with a line end, and how many they are.
func trainingRows(kind Rows, l *Line) (text []byte, rows uint64) {
	turns := turnsOf(l)
	for i, t := range turns {
		var row jsontext.Fields
		if kind == RowsMessages {
			if t.goesOn(turns[i+1:]) {
				continue
			}
			row.Add("messages", jsontext.List(t.all()))
			row = append(row, t.tools...)
		} else {
			row.Add("prompt", t.prompt())
			row.Add("completion", t.completion())
			row = append(row, t.tools...)
		}
		text = append(append(text, row.JSON()...), '\n')
		rows++
	}
	return text, rows
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

// prompt is what was asked: a text where it was one and the answer is one, else messages.
func (t *turn) prompt() json.RawMessage {
	if t.texts {
		return jsontext.Text(t.question)
	}
	return jsontext.List(t.asked)
}

// completion is the answer, in the form of the prompt.
func (t *turn) completion() json.RawMessage {
	if t.texts {
		return jsontext.Text(t.reply)
	}
	return jsontext.List(t.answer)
}

// findPairs finds for each episode of a part the better answer to what it was asked: of
// the episodes with the same prompt the one whose rewards sum up to most, of several the
// one with the smallest id.
func (x *exporter) findPairs(ctx context.Context, manifest object.Hash, part int) error {
	type scored struct {
		id     object.Hash
		reward *big.Int
	}
	prompts := map[object.Hash][]scored{}
	x.chosen = map[object.Hash]object.Hash{}
	err := dataset.ReadList(ctx, x.src.Nodes(ctx), manifest, func(id object.Hash) error {
		if Part(id, x.weights) != part {
			return nil
		}
		l, err := x.line(ctx, id)
		if err != nil {
			return err
		}
		reward, turns := rewardOf(l), turnsOf(l)
		if reward == nil || len(turns) == 0 {
			return nil
		}
		key := object.Sum(turns[len(turns)-1].prompt())
		prompts[key] = append(prompts[key], scored{id, reward})
		return nil
	})
	if err != nil {
		return err
	}
	for _, list := range prompts { // ids ascend in each
		best := list[0]
		for _, s := range list[1:] {
			if s.reward.Cmp(best.reward) > 0 {
				best = s
			}
		}
		for _, s := range list {
			if s.reward.Cmp(best.reward) < 0 {
				x.chosen[s.id] = best.id
			}
		}
	}
	return nil
}

// rewardOf is the sum of the rewards of an episode; nil where it has none.
func rewardOf(l *Line) *big.Int {
	var sum *big.Int
	for _, s := range l.Signals {
		n, ok := new(big.Int).SetString(fmt.Sprint(s.Value), 10)
		if s.Type != signal.TypeName(signal.Reward) || s.Kind != "i64" && s.Kind != "u64" || !ok {
			continue
		}
		if sum == nil {
			sum = new(big.Int)
		}
		sum.Add(sum, n)
	}
	return sum
}

// preferenceRow is the row of an episode whose answer is the worse one.
func (x *exporter) preferenceRow(ctx context.Context, l *Line) (text []byte, rows uint64, err error) {
	id, ok := x.chosen[l.EpisodeID]
	if !ok {
		return nil, 0, nil
	}
	better, err := x.line(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	worse, chosen := turnsOf(l), turnsOf(better)
	t, c := worse[len(worse)-1], chosen[len(chosen)-1]
	var row jsontext.Fields
	row.Add("prompt", t.prompt())
	row.Add("chosen", c.completion())
	row.Add("rejected", t.completion())
	row = append(row, t.tools...)
	return append(row.JSON(), '\n'), 1, nil
}
