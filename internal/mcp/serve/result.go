package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

const (
	maxWhole = 64 << 10 // bytes of a result that the client gets at once
	maxShown = 4 << 10  // bytes that are shown of a longer one
)

// rawResult is a result given by its bytes. The library adds only to its _meta.
type rawResult struct {
	*mcp.CallToolResult
	raw json.RawMessage
}

func newResult(raw json.RawMessage) *rawResult { return &rawResult{&mcp.CallToolResult{}, raw} }

// MarshalJSON returns the bytes, with what the library says about this server in _meta.
func (r *rawResult) MarshalJSON() ([]byte, error) {
	if len(r.Meta) == 0 {
		return r.raw, nil
	}
	added, err := json.Marshal(r.Meta)
	if err != nil {
		return nil, err
	}
	more, err := jsontext.FieldsOf(added)
	if err != nil {
		return nil, err
	}
	return session.AddMeta(r.raw, more), nil
}

// answer returns what the client reads about a call.
func (s *Server) answer(c session.Call, t *tool, r session.Reply) (mcp.Result, error) {
	if r.Err == nil && t.Module.Kind != exec.KindMCP {
		return s.told(newResult(s.output(t, r)), r), nil
	}
	result, rpc := s.Session.Answer(c, r)
	if rpc != nil {
		e := &jsonrpc.Error{}
		if err := json.Unmarshal(rpc, e); err != nil {
			return nil, fmt.Errorf("the tool's error cannot be read: %w", err)
		}
		return nil, e
	}
	if len(result) > maxWhole {
		result = s.shortened(t, r, result)
	}
	return s.told(newResult(result), r), nil
}

// told adds a call's receipt as a text, if that is asked for.
func (s *Server) told(res *rawResult, r session.Reply) *rawResult {
	if !s.Tell || r.ReceiptID.IsZero() {
		return res
	}
	fields, err := jsontext.FieldsOf(res.raw)
	if err != nil {
		return res
	}
	content, err := jsontext.ListOf(fields.Get("content"))
	if err != nil {
		return res
	}
	text := "Receipt " + r.ReceiptID.String()
	if r.Replayed {
		text += ", of a call that was made before: it was not made again"
	}
	for i, m := range fields {
		if m.Name == "content" {
			fields[i].Value = jsontext.List(append(content, textContent(text)))
		}
	}
	res.raw = fields.JSON()
	return res
}

// output returns the result of a tool that answers with bytes.
func (s *Server) output(t *tool, r session.Reply) json.RawMessage {
	var content []json.RawMessage
	text := utf8.Valid(r.Body)
	switch {
	case len(r.Body) == 0 && r.Status >= 400:
	case text && len(r.Body) <= maxWhole:
		content = append(content, textContent(string(r.Body)))
	default:
		media := "application/octet-stream"
		if text {
			media = "text/plain; charset=utf-8"
			content = append(content, textContent(beginning(string(r.Body))))
		}
		content = append(content, link(r.ResponseHash, media, "the whole response", len(r.Body)))
	}
	failed := r.Status >= 400
	if failed {
		content = append(content, textContent(why(r)))
	}
	var structured json.RawMessage
	if t.answers != nil && !failed {
		if err := conforms(t, r.Body); err != nil {
			failed = true
			content = append(content, textContent("It has happened, and what the tool answered does not fit its schema: "+err.Error()))
		} else {
			structured = bytes.TrimSpace(r.Body)
		}
	}
	var res jsontext.Fields
	res.Add("content", jsontext.List(content))
	res.Add("structuredContent", structured)
	if failed {
		res.Add("isError", json.RawMessage("true"))
	}
	res.AddText("resultType", "complete")
	res.Add("_meta", r.About().JSON())
	return res.JSON()
}

// conforms checks a tool's answer against its description.
func conforms(t *tool, body []byte) error {
	schema, err := t.answers()
	if err != nil {
		return err
	}
	if _, err := jsontext.FieldsOf(body); err != nil {
		return fmt.Errorf("an object is expected: %w", err)
	}
	return schema.Check(body)
}

// why says how a tool failed: its status, and the note in its receipt.
func why(r session.Reply) string {
	text := fmt.Sprintf("The tool failed (%d).", r.Status)
	switch r.Status {
	case exec.StatusTimeout:
		text = "The tool took too long and was stopped. It may have happened. Check before asking again."
	case exec.StatusResponseTooBig:
		text = "The tool answered more than it may. It has happened: asking again changes nothing."
	}
	if receipt, err := object.Decode[ledger.Receipt](r.ReceiptRaw); err == nil && receipt.Notes != nil {
		text += "\n" + *receipt.Notes
	}
	return text
}

// shortened returns a long result of a server cut short: the beginning of its texts, and where the rest is. Structured
// content with a schema is not cut, since clients insist on it.
func (s *Server) shortened(t *tool, r session.Reply, result json.RawMessage) json.RawMessage {
	fields, err := jsontext.FieldsOf(result)
	if err != nil || r.ResponseHash.IsZero() {
		return result
	}
	var text strings.Builder
	list, _ := jsontext.ListOf(fields.Get("content")) // only a list has texts
	for _, raw := range list {
		one, err := jsontext.FieldsOf(raw)
		if err != nil || text.Len() > maxShown {
			continue
		}
		if words, err := jsontext.TextOf(one.Get("text")); err == nil {
			text.WriteString(words + "\n")
		}
	}
	var content []json.RawMessage
	if text.Len() > 0 {
		content = append(content, textContent(beginning(text.String())))
	}
	content = append(content, link(r.ResponseHash, "application/json", "the whole result, as the server sent it", len(r.Body)))
	var short jsontext.Fields
	for _, m := range fields {
		switch {
		case m.Name == "content":
			m.Value = jsontext.List(content)
		case m.Name == "structuredContent" && t.answers == nil:
			continue
		}
		short = append(short, m)
	}
	return short.JSON()
}

// beginning returns the part of a long text that is shown.
func beginning(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return string(bytes.ToValidUTF8([]byte(text[:maxShown]), nil)) + fmt.Sprintf("\n… the first %d of %d bytes; mythos_fetch or the resource below has the rest", maxShown, len(text))
}

func textContent(text string) json.RawMessage {
	var f jsontext.Fields
	f.AddText("type", "text")
	f.Add("text", jsontext.Text(text))
	return f.JSON()
}

func link(cid object.Hash, media, what string, size int) json.RawMessage {
	var f jsontext.Fields
	f.AddText("type", "resource_link")
	f.AddText("uri", blobURI+cid.String())
	f.AddText("name", cid.String())
	f.AddText("description", what)
	f.AddText("mimeType", media)
	f.Add("size", json.RawMessage(fmt.Sprint(size)))
	return f.JSON()
}
