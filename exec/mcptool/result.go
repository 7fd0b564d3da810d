package mcptool

import (
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// metaUsed is the key in a result's _meta under which a tool reports its use: "tokens=N gpu_ms=N cost=N".
const metaUsed = "mythos/used"

// result is the answer to a tools/call.
type result struct {
	raw        json.RawMessage // as the server sent it
	members    jsontext.Fields
	content    []json.RawMessage
	structured json.RawMessage
	failed     bool
	broken     error // set if it is not a valid result
	odd        bool  // it has unknown members: the whole of it is the response
}

func readResult(raw json.RawMessage) result {
	r := result{raw: raw}
	if r.members, r.broken = jsontext.FieldsOf(raw); r.broken != nil {
		r.odd, r.failed = true, true
		return r
	}
	for _, m := range r.members {
		switch m.Name {
		case "content":
			r.odd = json.Unmarshal(m.Value, &r.content) != nil || r.odd
		case "structuredContent":
			r.structured = r.members.Get(m.Name)
		case "isError":
			r.failed = string(m.Value) != "false" && string(m.Value) != "null"
			r.odd = r.odd || (r.failed && string(m.Value) != "true")
		case "resultType":
			r.odd = r.odd || (string(m.Value) != `"complete"` && string(m.Value) != "null")
		case "_meta":
			r.odd = r.odd || !knownMeta(m.Value)
		default:
			r.odd = r.odd || string(m.Value) != "null"
		}
	}
	return r
}

// knownMeta reports whether a result's _meta says nothing about the answer.
func knownMeta(raw json.RawMessage) bool {
	if string(raw) == "null" {
		return true
	}
	list, err := jsontext.FieldsOf(raw)
	for _, m := range list {
		if m.Name != metaUsed && m.Name != metaServer {
			return false
		}
	}
	return err == nil
}

// body is the response: the text, if the result is a single text; the structured content, if the result is nothing
// else; otherwise the whole result. It is always as the server sent it.
func (r result) body() []byte {
	switch {
	case r.odd:
	case r.structured == nil && len(r.content) == 1:
		if text, ok := plainText(r.content[0]); ok {
			return []byte(text)
		}
	case r.structured != nil && len(r.content) == 0:
		return r.structured
	}
	return r.raw
}

// plainText returns the text of a content that is a single text.
func plainText(content json.RawMessage) (string, bool) {
	list, err := jsontext.FieldsOf(content)
	if err != nil {
		return "", false
	}
	for _, m := range list {
		if m.Name != "type" && m.Name != "text" && string(m.Value) != "null" {
			return "", false
		}
	}
	if kind, ok := textOf(list.Get("type")); !ok || kind != "text" {
		return "", false
	}
	return textOf(list.Get("text"))
}

// firstText is the first text in the contents, for a receipt's notes.
func (r result) firstText() string {
	for _, c := range r.content {
		list, err := jsontext.FieldsOf(c)
		if err != nil {
			continue
		}
		if text, ok := textOf(list.Get("text")); ok && text != "" {
			return text
		}
	}
	return ""
}

// used is the use that the tool reports.
func (r result) used() output.Use {
	list, err := jsontext.FieldsOf(r.members.Get("_meta"))
	if err != nil {
		return output.Use{}
	}
	text, ok := textOf(list.Get(metaUsed))
	if !ok {
		return output.Use{}
	}
	return output.Reported([]byte("used " + text))
}

// StatusInputRequired is the status of a call to which the tool answered with a question. The caller's answer is a call
// of its own.
const StatusInputRequired uint16 = 202

// response is the outcome of an answered call. Over a caller's connection, or if the caller wants it whole, the
// response is the bytes of the result, whatever they are.
func (a answer) response(call exec.Call, stderr *output.Tail, x *exchange) exec.Response {
	if a.err != nil {
		return bounded(exec.Response{Status: exec.StatusFailed, Body: a.err, Notes: output.Visible([]byte(readError(a.err).Error()))}, call)
	}
	r := readResult(a.result)
	res := exec.Response{Status: exec.StatusOK, Body: r.body()}
	if x.whole || x.via != nil {
		res.Body = a.result
	}
	res.Use = r.used()
	kind, _ := textOf(r.members.Get("resultType"))
	switch {
	case kind == "input_required" && x.via != nil:
		res.Status, res.Notes = StatusInputRequired, "the tool asks its caller for input"
	case kind == "input_required":
		res.Status, res.Notes = exec.StatusFailed, "the tool asks for input, which nobody here can give"
	case r.broken != nil:
		res.Status, res.Notes = exec.StatusFailed, "the result of the tool: "+r.broken.Error()
	case r.failed:
		res.Status, res.Notes = exec.StatusFailed, "the tool reports an error"
		if text := r.firstText(); text != "" {
			res.Notes += ": " + text
		} else {
			res.Notes = stderr.Note(res.Notes)
		}
	}
	return bounded(res, call)
}

func bounded(res exec.Response, call exec.Call) exec.Response {
	if limit := call.Limits.MaxResponse; int64(len(res.Body)) > limit {
		res.Body, res.Status, res.Notes = nil, exec.StatusResponseTooBig, fmt.Sprintf("response exceeds %d bytes", limit)
	}
	return res
}
