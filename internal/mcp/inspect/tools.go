package inspect

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/internal/show"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

const (
	logInput = `{"type":"object","properties":{"count":{"type":"integer","minimum":1,"maximum":100,"description":"how many; 20 by default"},` +
		`"tool":{"type":"string","description":"only this tool, as it is registered"},"failed":{"type":"boolean","description":"only what did not succeed"}},"additionalProperties":false}`
	idInput   = `{"type":"object","properties":{"receipt":{"type":"string","description":"its id, 64 hex digits"}},"required":["receipt"],"additionalProperties":false}`
	noInput   = `{"type":"object","properties":{},"additionalProperties":false}`
	maxEvents = 100
	maxNames  = 20 // tools of a capability that are named
)

// Tools are the tools with which an agent looks.
func (v *View) Tools() []serve.Own {
	own := func(name, what, input string, run func(context.Context, json.RawMessage) (string, error)) serve.Own {
		return serve.Own{Name: name, Description: what, Input: json.RawMessage(input), Run: run}
	}
	return []serve.Own{
		serve.Fetch(v),
		own("mythos_log", "What your calls did, newest first: tool, key, status, receipt, and why it was refused.", logInput, v.log),
		own("mythos_receipt", "One receipt of yours: the signed record of a call.", idInput, v.show),
		own("mythos_why", "What a receipt of yours rests on, each link verified: the capabilities, up to who issued them.", idInput, v.why),
		own("mythos_capabilities", "What you may do, how often still, and until when.", noInput, v.capabilities),
	}
}

func (v *View) log(ctx context.Context, arguments json.RawMessage) (string, error) {
	var a struct {
		Count  int    `json:"count"`
		Tool   string `json:"tool"`
		Failed bool   `json:"failed"`
	}
	if err := jsontext.Unmarshal(arguments, &a); err != nil {
		return "", err
	}
	if a.Count <= 0 {
		a.Count = 20
	}
	var o history.Options
	if a.Tool != "" {
		id, err := v.Repo.Toolbox.ID(ctx, a.Tool)
		if err != nil {
			return "", err
		}
		o.Tool = id
	}
	m, err := v.mine(ctx)
	if err != nil {
		return "", err
	}
	events := []history.Event{}
	for e, err := range v.Repo.History.Events(ctx, o) {
		if err != nil {
			return "", err
		}
		if m.event(e) && (!a.Failed || e.Kind != "effect" || e.Status >= 400) {
			e.Scope = "" // for many tools the scope is a long list of ids; mythos_capabilities explains it
			events = append(events, e)
		}
		if len(events) >= min(a.Count, maxEvents) {
			break
		}
	}
	raw, err := json.Marshal(events)
	return string(raw), err
}

// named reads the arguments that name a receipt.
func named(arguments json.RawMessage) (object.Hash, error) {
	var a struct {
		Receipt string `json:"receipt"`
	}
	if err := jsontext.Unmarshal(arguments, &a); err != nil {
		return object.Hash{}, err
	}
	id, err := object.ParseHash(a.Receipt)
	if err != nil {
		return id, fmt.Errorf("receipt %.80q: 64 hex digits are expected", a.Receipt)
	}
	return id, nil
}

func (v *View) show(ctx context.Context, arguments json.RawMessage) (string, error) {
	id, err := named(arguments)
	if err != nil {
		return "", err
	}
	raw, err := v.Receipt(ctx, id)
	return string(raw), err
}

func (v *View) why(ctx context.Context, arguments json.RawMessage) (string, error) {
	id, err := named(arguments)
	if err != nil {
		return "", err
	}
	if _, _, err := v.receipt(ctx, id); err != nil {
		return "", err
	}
	tree, err := v.Repo.Explain.Why(ctx, why.Start{ID: id}, explain.Options{Width: 3})
	if err != nil {
		return "", err
	}
	return show.Text(tree), nil
}

// authority is a capability as the agent reads it.
type authority struct {
	Capability object.Hash       `json:"capability"`
	Scope      string            `json:"scope,omitempty"` // for a single tool: with its constraints
	Tools      []string          `json:"tools"`           // the first few, by their names for the client
	More       int               `json:"more_tools,omitempty"`
	Left       map[string]uint64 `json:"left,omitempty"` // absent: no limit
	Until      object.Time       `json:"until"`
	Denied     string            `json:"denied,omitempty"` // why it does not count now
}

func (v *View) capabilities(ctx context.Context, arguments json.RawMessage) (string, error) {
	if err := jsontext.Unmarshal(arguments, &struct{}{}); err != nil {
		return "", err
	}
	held, err := v.Held(ctx)
	if err != nil {
		return "", err
	}
	list := []authority{}
	for _, chain := range held {
		one := authority{Capability: chain[0].ID, Until: chain[0].Cap.ExpiresAt, Tools: []string{}}
		ids := session.ToolsOf(chain)
		if chain[0].Cap.Scope.Kind != scope.KindToolsCall {
			one.Scope = chain[0].Cap.Scope.String()
		}
		for _, id := range ids[:min(len(ids), maxNames)] {
			one.Tools = append(one.Tools, serve.ClientName(v.Repo.Toolbox.Name(ctx, id)))
		}
		one.More = len(ids) - len(one.Tools)
		if err := v.Repo.Verifier.Verify(chain, v.Repo.Self(), v.Repo.Now()); err != nil {
			one.Denied = err.Error()
		}
		left, err := v.Repo.Quotas.Left(ctx, chain)
		if err != nil {
			return "", err
		}
		for what, n := range left {
			if one.Left == nil {
				one.Left = map[string]uint64{}
			}
			one.Left[string(what)] = n
		}
		list = append(list, one)
	}
	raw, err := json.Marshal(list)
	return string(raw), err
}
