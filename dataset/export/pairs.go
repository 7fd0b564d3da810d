package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
)

// Reasons why an episode gives no pair of its own [ds-109].
const (
	leftNoReward  = "no reward"
	leftNoNumber  = "a reward is not a number"
	leftChoices   = "several answers, one reward"
	leftAlone     = "no worse answer to the same prompt"
	leftPreferred = "preferred"
	leftTie       = "as good as the best"
	leftSame      = "the same answer"
)

// judged is an episode in the form for pairs: the question, the answer, and its reward.
type judged struct {
	id      object.Hash
	asked   object.Hash // of the prompt and the tools
	answer  object.Hash
	reward  *big.Int
	left    string // why it is part of no pair; empty: it is part of one
	signals []SignalLine
}

// pairs are the preferences between the episodes of a part.
type pairs struct {
	chosen map[object.Hash]object.Hash // the better episode, by the worse one
	left   map[object.Hash]string      // why other episodes are not the worse one of a pair
}

// findPairs compares the episodes of a part with the same question.
func (x *exporter) findPairs(ctx context.Context, produce func(context.Context, func(object.Hash) error) error) (*pairs, error) {
	p := &pairs{map[object.Hash]object.Hash{}, map[object.Hash]string{}}
	asked := map[object.Hash][]*judged{}
	err := par.Ordered(ctx, par.Limit(x.o.Workers), produce, x.judge, func(j *judged) error {
		if x.o.Signal != nil {
			for _, s := range j.signals {
				x.o.Signal(s.SignalID)
			}
		}
		if j.left != "" {
			p.left[j.id] = j.left
			return nil
		}
		j.signals = nil
		asked[j.asked] = append(asked[j.asked], j)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, list := range asked { // ids ascend in each
		p.compare(list)
	}
	return p, nil
}

// compare pairs the best answer to a prompt (of several, the one with the smallest id) with each worse one.
func (p *pairs) compare(list []*judged) {
	best := list[0]
	for _, j := range list[1:] {
		if j.reward.Cmp(best.reward) > 0 {
			best = j
		}
	}
	preferred := false
	for _, j := range list {
		switch {
		case j == best:
		case j.answer == best.answer:
			p.left[j.id] = leftSame
		case j.reward.Cmp(best.reward) == 0:
			p.left[j.id] = leftTie
		default:
			p.chosen[j.id], preferred = best.id, true
		}
	}
	if p.left[best.id] = leftAlone; preferred {
		p.left[best.id] = leftPreferred
	}
}

func (x *exporter) judge(ctx context.Context, id object.Hash) (*judged, error) {
	l, err := x.line(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("episode %s: %w", id.Short(), err)
	}
	j := &judged{id: id, signals: l.Signals}
	if j.reward, j.left = rewardOf(l); j.left != "" {
		return j, nil
	}
	t, left := lastTurn(l)
	if j.left = left; left != "" {
		return j, nil
	}
	prompt, answer := t.conversation()
	j.asked = t.askedHash(prompt)
	j.answer = object.Sum(jsontext.List(answer))
	return j, nil
}

// askedHash identifies a question: the prompt, and the available tools.
func (t *turn) askedHash(prompt []json.RawMessage) object.Hash {
	return object.Sum(bytes.Join([][]byte{jsontext.List(prompt), t.tools.JSON()}, []byte("\n")))
}

// rewardOf is the sum of an episode's rewards. left says why there is none.
func rewardOf(l *Line) (sum *big.Int, left string) {
	for _, s := range l.Signals {
		if s.Type != signal.TypeName(signal.Reward) {
			continue
		}
		n, ok := new(big.Int).SetString(fmt.Sprint(s.Value), 10)
		if s.Kind != "i64" && s.Kind != "u64" || !ok {
			return nil, leftNoNumber
		}
		if sum == nil {
			sum = new(big.Int)
		}
		sum.Add(sum, n)
	}
	if sum == nil {
		return nil, leftNoReward
	}
	return sum, ""
}

// lastTurn is the call that an episode's rewards are about: the last answered one. left says why there is none.
func lastTurn(l *Line) (t *turn, left string) {
	turns := turnsOf(l)
	if len(turns) == 0 {
		return nil, leftNoAnswer
	}
	if t = turns[len(turns)-1]; t.choice {
		return nil, leftChoices
	}
	return t, ""
}

// pair is the row of an episode with the worse answer.
func (x *exporter) pair(ctx context.Context, worse *Line) ([]training, []string, error) {
	id, ok := x.pairs.chosen[worse.EpisodeID]
	if !ok {
		return nil, []string{x.pairs.left[worse.EpisodeID]}, nil
	}
	better, err := x.line(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("episode %s: %w", id.Short(), err)
	}
	rejected, left := lastTurn(worse)
	chosen, leftToo := lastTurn(better)
	if left != "" || leftToo != "" {
		return nil, nil, fmt.Errorf("episode %s: it changed while it was exported", id.Short())
	}
	prompt, bad := rejected.conversation()
	_, good := chosen.conversation()
	return []training{{columns: []column{messages("prompt", prompt), messages("chosen", good), messages("rejected", bad)}, tools: rejected.tools}}, nil, nil
}
