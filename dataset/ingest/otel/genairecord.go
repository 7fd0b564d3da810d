package otel

import (
	"bytes"
	"cmp"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"slices"
	"strings"
)

// records makes an episode from each trace, in the order of the traces' ids.
func (c *collection) records() error {
	traces := map[string][]*genSpan{}
	var ids []string
	for _, key := range c.order {
		id := key.trace
		if id == "" {
			id = key.span // a separate log record
		}
		if traces[id] == nil {
			ids = append(ids, id)
		}
		traces[id] = append(traces[id], c.spans[key])
	}
	slices.Sort(ids)
	for _, id := range ids {
		rec, err := c.trace(traces[id])
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		if err := c.h.Record(rec); err != nil {
			return err
		}
	}
	return nil
}

// trace makes an episode from the spans of a trace; nil if none of them has content.
func (c *collection) trace(spans []*genSpan) (*foreign.Record, error) {
	slices.SortStableFunc(spans, func(a, b *genSpan) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	inside := c.nesting(spans)
	var calls []foreign.Call
	var sources [][]byte
	answer, answered := -1, (*genSpan)(nil)
	for _, s := range spans {
		call, ok, err := c.taken(s, inside)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if s.kind != toolCall && (answered == nil || s.end >= answered.end) {
			answer, answered = len(calls), s
		}
		calls = append(calls, call)
		sources = append(append(sources, s.raw), s.logged...)
	}
	if len(calls) == 0 {
		return nil, nil
	}
	sources = slices.DeleteFunc(sources, func(raw []byte) bool { return raw == nil })
	rec := &foreign.Record{Source: bytes.Join(sources, []byte{'\n'}), Time: spans[0].start}
	if answered == nil {
		rec.Status, rec.Note, rec.Calls = foreign.StatusNothing, "no call of a model was recorded in this trace", calls
		return rec, nil
	}
	a := calls[answer]
	rec.Input, rec.Output, rec.Status, rec.Note, rec.Details, rec.Answered = a.Request, a.Response, a.Status, a.Note, a.Details, a.Time
	rec.Model = answered.model()
	rec.Calls = slices.Delete(calls, answer, answer+1)
	return rec, nil
}

// nesting records which spans are inside which.
type nesting struct {
	hasModel map[string]bool // it contains a call of a model
	inAgent  map[string]bool // it is inside an agent or a workflow
}

func (c *collection) nesting(spans []*genSpan) nesting {
	byID := map[string]*genSpan{}
	for _, s := range spans {
		byID[s.id] = s
	}
	n := nesting{map[string]bool{}, map[string]bool{}}
	for _, s := range spans {
		seen := map[string]bool{}
		for at := s.parent; at != "" && !seen[at]; {
			seen[at] = true
			around := byID[at]
			if s.kind == modelCall {
				n.hasModel[at] = true
			}
			if around != nil && around.kind == wrapper {
				n.inAgent[s.id] = true
			}
			if around != nil {
				at = around.parent
			} else {
				at = c.parents[spanKey{s.trace, at}]
			}
		}
	}
	return n
}

// taken makes a call from a span, if the span is one and has content; otherwise it says why not.
func (c *collection) taken(s *genSpan, n nesting) (foreign.Call, bool, error) {
	switch {
	case s.kind == otherGen:
		c.h.Passed("spans of embeddings, retrievals and the like")
		return foreign.Call{}, false, nil
	case s.kind == wrapper && n.inAgent[s.id] && !n.hasModel[s.id]:
		c.h.Passed("spans of agents and workflows inside others")
		return foreign.Call{}, false, nil
	case s.kind == wrapper && n.hasModel[s.id]:
		c.h.Passed("spans of agents and workflows, whose calls of models are here")
		return foreign.Call{}, false, nil
	}
	call := s.call()
	if cut := s.cutOff(); cut != "" {
		return foreign.Call{}, false, c.h.Lost("calls of models", cut+" is not JSON, as if a limit for attributes had cut it off")
	}
	switch {
	case len(call.Request) > 0 || len(call.Response) > 0 || s.failed:
		return call, true, nil
	case s.kind == toolCall:
		return call, true, c.h.Lost("calls of tools", "neither their arguments nor their results were recorded: looked for "+strings.Join([]string{toolRequest[0], toolResponse[0]}, ", "))
	case s.kind == wrapper:
		c.h.Passed("spans of agents and workflows without content")
		return foreign.Call{}, false, nil
	}
	return foreign.Call{}, false, c.h.Lost("calls of models", "no content was recorded: looked for "+contentAttributes)
}
