package overview

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// The outcomes by which events are selected and counted.
const (
	OK       = "ok"       // the effect succeeded
	Failed   = "failed"   // it ran without success
	Refused  = "refused"  // nothing ran
	Pending  = "pending"  // it is running now
	Unknown  = "unknown"  // whether it happened is unknown
	Diverged = "diverged" // its history contradicts itself
	Decided  = "decided"  // an operator decided about it
)

// Outcomes returns the names of all outcomes.
func Outcomes() []string {
	return []string{OK, Failed, Refused, Pending, Unknown, Diverged, Decided}
}

// Outcome returns the outcome of an event.
func Outcome(h history.Event) string {
	switch {
	case h.Kind == "attempt":
		return h.State
	case h.Kind == "divergence":
		return Diverged
	case h.Kind == "decision":
		return Decided
	case h.Refused:
		return Refused
	case h.Status < 300:
		return OK
	}
	return Failed
}

// Selection selects events, in addition to [repo.Options]; zero fields select everything.
type Selection struct {
	Cap     object.Hash // made under it, or under one derived from it
	Outcome string      // one of Outcomes, or a status in digits
	NotOK   bool        // effects without success, and divergences
}

// CheckOutcome refuses a text that is neither an outcome nor a status.
func CheckOutcome(text string) error {
	if slices.Contains(Outcomes(), text) {
		return nil
	}
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && n >= 100 && n <= 599 {
		return nil
	}
	return fmt.Errorf("%q is not an outcome: one of %v, or a status such as 403", text, Outcomes())
}

// Select returns the events that s selects.
func (s Selection) Select(ctx context.Context, n *repo.Repo, all iter.Seq2[history.Event, error]) iter.Seq2[history.Event, error] {
	under := Under(ctx, n, s.Cap)
	return func(yield func(history.Event, error) bool) {
		for h, err := range all {
			if err == nil && !s.selects(h, under) {
				continue
			}
			if !yield(h, err) || err != nil {
				return
			}
		}
	}
}

func (s Selection) selects(h history.Event, under func(object.Hash) bool) bool {
	outcome := Outcome(h)
	switch {
	case s.NotOK && (outcome == OK || outcome == Decided):
		return false
	case !s.Cap.IsZero() && (h.Capability == nil || !under(*h.Capability)):
		return false
	}
	return s.Outcome == "" || s.Outcome == outcome || h.Kind == "effect" && s.Outcome == strconv.Itoa(int(h.Status))
}

// Row counts the calls of one tool by one agent, with one outcome.
type Row struct {
	Tool    string       `json:"tool,omitempty"` // its local name, or else the beginning of its id
	ToolID  *object.Hash `json:"tool_id,omitempty"`
	By      string       `json:"by,omitempty"` // the agent's local name
	ByKey   string       `json:"by_key,omitempty"`
	Outcome string       `json:"outcome"` // ok, failed, refused, pending, unknown, diverged or decided
	Count   uint64       `json:"count"`
	First   object.Time  `json:"first"`
	Last    object.Time  `json:"last"`
}

// Summarize counts events by tool, agent and outcome, in that order.
func Summarize(all iter.Seq2[history.Event, error]) ([]Row, error) {
	type key struct{ tool, by, outcome string }
	rows := map[key]*Row{}
	for h, err := range all {
		if err != nil {
			return nil, err
		}
		k := key{by: h.ByKey, outcome: Outcome(h)}
		if h.ToolID != nil {
			k.tool = h.ToolID.String()
		}
		r := rows[k]
		if r == nil {
			r = &Row{Tool: h.Tool, ToolID: h.ToolID, By: h.By, ByKey: h.ByKey, Outcome: k.outcome, First: h.Time, Last: h.Time}
			rows[k] = r
		}
		r.Count++
		r.First, r.Last = min(r.First, h.Time), max(r.Last, h.Time)
	}
	list := make([]Row, 0, len(rows))
	for _, r := range rows {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.By, b.By), cmp.Compare(a.ByKey, b.ByKey),
			cmp.Compare(slices.Index(Outcomes(), a.Outcome), slices.Index(Outcomes(), b.Outcome)), cmp.Compare(idText(a.ToolID), idText(b.ToolID)))
	})
	return list, nil
}

func idText(h *object.Hash) string {
	if h == nil {
		return ""
	}
	return h.String()
}
