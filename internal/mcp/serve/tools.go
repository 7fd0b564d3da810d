package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsonschema"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// tool is a registered tool as the client sees it.
type tool struct {
	exec.Tool
	offered bool                               // it is listed; others are known only so that their refusal says why
	about   *mcp.Tool                          // for an offered tool
	schema  func() (*jsonschema.Schema, error) // and of its arguments
	answers func() (*jsonschema.Schema, error) // of its structured content; nil: it has no schema
	whole   bool                               // its request is the arguments, not a text in them
}

// maxName is the length of a tool's name that every client accepts.
const maxName = 64

// ClientName returns the name of a tool for clients: some drop all tools because of one dot or one long name. A long
// name ends with a part of its hash.
func ClientName(name string) string {
	text := strings.ReplaceAll(name, ".", "_")
	if len(text) <= maxName {
		return text
	}
	sum := sha256.Sum256([]byte(name))
	return text[:maxName-9] + "_" + hex.EncodeToString(sum[:4])
}

// refresh reads what is registered and held, if that has changed, and lists it.
func (s *Server) refresh(ctx context.Context, first bool) error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	may, sum, err := s.state(ctx)
	if err != nil || (sum == s.seen && !first) {
		return err
	}
	next, taken, err := s.registered(ctx, may)
	if err != nil {
		return err
	}
	for _, pair := range taken {
		if first {
			return fmt.Errorf("%w: %s are both %s", ErrNames, strings.Join(pair, " and "), ClientName(pair[0]))
		}
		s.noteOnce("%s are left out: both would be %s for the client", strings.Join(pair, " and "), ClientName(pair[0]))
	}
	s.list(ctx, next)
	s.seen = sum
	return nil
}

// state returns which tools the agent may call now, and a hash of everything that its list depends on.
func (s *Server) state(ctx context.Context) (may map[object.Hash]bool, sum object.Hash, err error) {
	held, err := s.Session.Held(ctx)
	if err != nil {
		return nil, sum, err
	}
	may = map[object.Hash]bool{}
	h := sha256.New()
	for _, chain := range held {
		if s.Usable(chain) != nil {
			continue
		}
		fmt.Fprintf(h, "%s\n", chain[0].ID)
		for _, id := range session.ToolsOf(chain) {
			may[id] = true
		}
	}
	err = kv.Scan(ctx, s.Session.KV, kv.ToolsByName, func(key string, value []byte) error {
		fmt.Fprintf(h, "%d %s %d %s", len(key), key, len(value), value)
		return nil
	})
	return may, object.Sum(h.Sum(nil)), err
}

// registered returns the tools by their names for the client, and those that share a name with an offered tool.
func (s *Server) registered(ctx context.Context, may map[object.Hash]bool) (map[string]*tool, [][]string, error) {
	all := map[string][]*tool{}
	err := exec.SkipDangling(s.Registry.List(ctx, func(t exec.Tool) error {
		name := ClientName(t.Name)
		all[name] = append(all[name], &tool{Tool: t, offered: may[t.ID] && t.Module.Kind != exec.KindDeclared})
		return nil
	}))
	for _, own := range s.Own {
		if same := all[own.Name]; len(same) > 0 {
			all[own.Name] = append(same, &tool{Tool: exec.Tool{Name: own.Name}, offered: true})
		}
	}
	next := map[string]*tool{}
	var taken [][]string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		same := slices.DeleteFunc(slices.Clone(all[name]), func(t *tool) bool { return !t.offered })
		switch {
		case len(same) == 1:
			next[name] = same[0]
		case len(same) > 1:
			taken = append(taken, []string{same[0].Name, same[1].Name})
		case len(all[name]) == 1: // nobody offers it: it is known only by name
			next[name] = all[name][0]
		}
	}
	return next, taken, err
}

// list tells the library what changed. What the library does not accept as a tool is left out.
func (s *Server) list(ctx context.Context, next map[string]*tool) {
	s.mu.Lock()
	before := s.tools
	s.mu.Unlock()
	var gone []string
	for name, t := range before {
		if now := next[name]; t.offered && (now == nil || !now.offered) {
			gone = append(gone, name)
		}
	}
	for name, t := range next {
		if was := before[name]; was != nil && was.ID == t.ID && was.Name == t.Name && was.offered == t.offered {
			next[name] = was
			continue
		}
		if t.offered {
			s.describe(ctx, name, t)
		}
	}
	s.mu.Lock()
	s.tools = next
	s.mu.Unlock()
	if before == nil {
		for _, own := range s.Own {
			s.mcp.AddTool(&mcp.Tool{Name: own.Name, Description: own.Description, InputSchema: own.Input, Annotations: &mcp.ToolAnnotations{ReadOnlyHint: !own.Writes}}, elsewhere)
		}
	}
	s.mcp.RemoveTools(gone...)
	for _, name := range slices.Sorted(maps.Keys(next)) {
		if t := next[name]; t.offered && before[name] != t {
			s.add(t)
		}
	}
}

// add offers a tool, unless the library refuses it: it panics about a schema that it cannot use.
func (s *Server) add(t *tool) {
	defer func() {
		if why := recover(); why != nil {
			s.noteOnce("tool %s is left out of the list: %v", t.Name, why)
		}
	}()
	s.mcp.AddTool(t.about, elsewhere)
}

// inputSchema is the schema for a tool without a description of its arguments: its request is a text.
const inputSchema = `{"type":"object","properties":{"input":{"type":"string","description":"the request, as the tool reads it"}},"additionalProperties":false}`

// describe sets what the client reads about a tool: what its server says about it, or what is known of any tool.
func (s *Server) describe(ctx context.Context, name string, t *tool) {
	t.about = &mcp.Tool{Name: name, InputSchema: json.RawMessage(inputSchema), Description: fmt.Sprintf("The tool %s (%s).", t.Name, exec.KindName(t.Module.Kind))}
	if t.Module.Kind == exec.KindMCP {
		t.about.InputSchema, t.whole = json.RawMessage(`{"type":"object"}`), true
	}
	if t.Module.Definition != nil {
		if err := s.define(ctx, t); err != nil {
			s.noteOnce("tool %s: its definition: %v", t.Name, err)
		}
	}
	t.schema = jsonschema.Once(t.about.InputSchema.(json.RawMessage))
}

// define applies the definition with which a tool was registered.
func (s *Server) define(ctx context.Context, t *tool) error {
	text, err := s.Texts(ctx, *t.Module.Definition)
	if err != nil {
		return err
	}
	d, err := jsontext.FieldsOf(text)
	if err != nil {
		return err
	}
	word := func(name string) string {
		text, err := jsontext.TextOf(d.Get(name))
		if err != nil {
			return ""
		}
		return text
	}
	if text := word("description"); text != "" || t.Module.Kind == exec.KindMCP {
		t.about.Description = text
	}
	t.about.Title = word("title")
	if raw := d.Get("inputSchema"); raw != nil {
		t.about.InputSchema, t.whole = ofObjects(raw), true
	}
	if raw := d.Get("outputSchema"); raw != nil {
		t.about.OutputSchema, t.answers = raw, jsonschema.Once(raw)
	}
	if raw := d.Get("annotations"); raw != nil {
		var hints mcp.ToolAnnotations
		if err := json.Unmarshal(raw, &hints); err != nil {
			return fmt.Errorf("annotations: %w", err)
		}
		t.about.Annotations = &hints
	}
	return nil
}

// ofObjects returns a schema that says that arguments are an object: servers leave that out, and clients insist on it.
func ofObjects(raw json.RawMessage) json.RawMessage {
	members, err := jsontext.FieldsOf(raw)
	if err != nil {
		return json.RawMessage(`{"type":"object"}`)
	}
	own := jsontext.Fields{{Name: "type", Value: json.RawMessage(`"object"`)}}
	for _, m := range members {
		if m.Name != "type" {
			own = append(own, m)
		}
	}
	return own.JSON()
}
