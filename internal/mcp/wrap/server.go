package wrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/units"
)

// hear hands the client a line of the server.
func (p *Proxy) hear(line []byte) {
	text := bytes.TrimSpace(line)
	said := p.heard
	if jsontext.Kind(text) == '[' {
		said = p.heardBatch
	}
	switch next := said(text); {
	case next == nil:
		return
	case !bytes.Equal(next, text):
		line = next
	}
	_ = p.write(line) // a client that does not read is noticed where its lines are read
}

// heardBatch is a batch as the client gets it.
func (p *Proxy) heardBatch(text []byte) []byte {
	batch, _ := jsontext.ListOf(text) // it was read already
	var kept []json.RawMessage
	changed := false
	for _, one := range batch {
		next := p.heard(one)
		changed = changed || !bytes.Equal(next, one)
		if next != nil {
			kept = append(kept, next)
		}
	}
	switch {
	case len(kept) == 0:
		return nil
	case changed:
		return jsontext.List(kept)
	}
	return text
}

// heard is a message as the client gets it; nil: it does not get it.
func (p *Proxy) heard(line []byte) []byte {
	fields, err := jsontext.FieldsOf(line)
	if err != nil {
		return nil
	}
	if fields.Get("method") != nil {
		return line
	}
	result := fields.Get("result")
	a := p.answered(fields.Get("id"))
	switch {
	case result == nil:
		return line
	case a == nil: // which tools it may show is not known
		p.Notef("the server sent a result that the client did not ask for; it is left out: its id is %.100q", fields.Get("id"))
		return nil
	}
	changed := result
	switch a.method {
	case methodInitialize, methodDiscover:
		changed = maskAt(result, []string{"capabilities"})
	case methodList:
		if changed, err = p.pinned(result); err != nil {
			p.Notef("the list of tools: %v", err)
			return replaceMember(line, "result", json.RawMessage(`{"tools":[]}`)) // what is not understood is not shown
		}
	}
	if bytes.Equal(changed, result) {
		return line
	}
	return replaceMember(line, "result", changed)
}

// maxTTL is how long a list may be kept, in milliseconds: a change of what is registered here
// is seen after that.
const maxTTL = 60000

// pinned is a list without the tools that are not pinned, or are described otherwise.
func (p *Proxy) pinned(result json.RawMessage) (json.RawMessage, error) {
	fields, err := jsontext.FieldsOf(result)
	if err != nil {
		return nil, err
	}
	tools, err := jsontext.ListOf(fields.Get("tools"))
	if err != nil {
		return nil, err
	}
	define := definition.Read
	p.mu.Lock()
	if p.conn != nil {
		define = p.conn.Define
	}
	p.mu.Unlock()
	defs := make([]definition.Tool, len(tools))
	for i, raw := range tools {
		if defs[i], err = define(raw); err != nil {
			defs[i] = definition.Tool{} // nobody registered it
		}
	}
	same, err := p.Pins.Pinned(context.Background(), defs)
	if err != nil {
		return nil, err
	}
	var kept []json.RawMessage
	var out []string
	for i, ok := range same {
		if ok {
			kept = append(kept, tools[i])
		} else {
			out = append(out, defs[i].Name)
		}
	}
	if len(out) > 0 {
		p.Notef("%s left out of the list, because the server now describes it differently from its registration: %.200q", units.Count(len(out), "tool"), out)
	}
	if len(kept) < len(tools) {
		if kept == nil {
			kept = []json.RawMessage{}
		}
		result = replaceMember(result, "tools", jsontext.List(kept))
	}
	if ttl := fields.Get("ttlMs"); jsontext.IsNumber(ttl) {
		if n, err := strconv.ParseFloat(string(ttl), 64); err != nil || n > maxTTL {
			result = replaceMember(result, "ttlMs", json.RawMessage(fmt.Sprint(maxTTL)))
		}
	}
	return result, nil
}

// maskAt takes the capability of tasks out of the capabilities at a path: calls that go
// through the gate are answered when they have ended.
func maskAt(raw json.RawMessage, path []string) json.RawMessage {
	fields, err := jsontext.FieldsOf(raw)
	if err != nil {
		return raw
	}
	if len(path) == 0 {
		return mask(raw, fields)
	}
	inner := fields.Get(path[0])
	changed := maskAt(inner, path[1:])
	if bytes.Equal(inner, changed) {
		return raw
	}
	return replaceMember(raw, path[0], changed)
}

const tasksExtension = "io.modelcontextprotocol/tasks"

func mask(raw json.RawMessage, capabilities jsontext.Fields) json.RawMessage {
	extensions := capabilities.Get("extensions")
	inner, err := jsontext.FieldsOf(extensions)
	extended := err == nil && inner.Has(tasksExtension)
	if !capabilities.Has("tasks") && !extended {
		return raw
	}
	rest := without(capabilities, "tasks")
	if extended {
		for i, m := range rest {
			if m.Name == "extensions" {
				rest[i].Value = objectOf(without(inner, tasksExtension))
			}
		}
	}
	return objectOf(rest)
}

func objectOf(fields jsontext.Fields) json.RawMessage {
	if raw := fields.JSON(); raw != nil {
		return raw
	}
	return json.RawMessage("{}")
}

// replaceMember is an object with another value for a member.
func replaceMember(raw json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	fields, err := jsontext.FieldsOf(raw)
	if err != nil {
		return raw
	}
	for i, m := range fields {
		if m.Name == name {
			fields[i].Value = value
		}
	}
	return fields.JSON()
}
