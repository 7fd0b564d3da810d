package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

const ownPrefix = "mythos/" // the prefix of our members of _meta

// Answer returns a call's answer as the client reads it: one of the two is set. The tool's result is as its server
// wrote it, except for our own members of _meta; an error is as it was written. What the executor refused is a result,
// so that the model reads it.
func (s *Session) Answer(c Call, r Reply) (result, rpc json.RawMessage) {
	if r.Err != nil {
		return s.refusal(c, r), nil
	}
	if r.Status >= 400 && isError(r.Body) {
		return nil, r.Body
	}
	about := r.About()
	if isResult(r.Body) {
		return withMeta(r.Body, about), nil
	}
	// Too long, too late, or recorded by another kind of call.
	text := string(bytes.ToValidUTF8(r.Body, []byte("\uFFFD")))
	switch r.Status {
	case exec.StatusTimeout:
		text = "The tool took too long and was stopped. It may have happened. Check before asking again."
	case exec.StatusResponseTooBig:
		text = "The tool answered more than it may. It has happened: asking again changes nothing."
	}
	return textResult(text, r.Status >= 400, about), nil
}

// About returns what the client is told about a call in _meta.
func (r Reply) About() jsontext.Fields {
	var about jsontext.Fields
	if !r.ReceiptID.IsZero() {
		about.AddText(ownPrefix+"receipt", r.ReceiptID.String())
	}
	if r.entry != nil {
		about.Add(ownPrefix+"ledgerIndex", strconv.AppendUint(nil, *r.entry, 10))
	}
	if r.Key != "" { // a read has none
		about.AddText(ownPrefix+"key", r.Key)
	}
	if r.Replayed {
		about.Add(ownPrefix+"replayed", json.RawMessage("true"))
	}
	if r.Adopted {
		about.Add(ownPrefix+"adopted", json.RawMessage("true"))
	}
	if receipt, err := object.Decode[ledger.Receipt](r.ReceiptRaw); err == nil && len(receipt.Evidence) > 0 {
		about.AddText(ownPrefix+"capability", receipt.Evidence[0].String())
	}
	return about
}

// receipt returns the id of the call's receipt, or of its refusal's; the zero Hash if there is none.
func (r Reply) receipt() object.Hash {
	var refused *exec.RefusedError
	if errors.As(r.Err, &refused) {
		return refused.ReceiptID
	}
	return r.ReceiptID
}

// isResult reports whether a response is the bytes of a result.
func isResult(body []byte) bool {
	list, err := jsontext.FieldsOf(body)
	return err == nil && (list.Has("content") || list.Has("structuredContent") || list.Has("resultType") || list.Has("isError"))
}

// isError reports whether a response is the bytes of a JSON-RPC error (spec/tools.md#mcp-clients).
func isError(body []byte) bool {
	list, err := jsontext.FieldsOf(body)
	return err == nil && jsontext.IsNumber(list.Get("code")) && jsontext.Kind(list.Get("message")) == '"' && !isResult(body)
}

func textResult(text string, failed bool, about jsontext.Fields) json.RawMessage {
	content := jsontext.Fields{}
	content.AddText("type", "text")
	content.Add("text", jsontext.Text(text))
	var r jsontext.Fields
	r.Add("content", jsontext.List([]json.RawMessage{content.JSON()}))
	if failed {
		r.Add("isError", json.RawMessage("true"))
	}
	r.AddText("resultType", "complete")
	r.Add("_meta", about.JSON())
	return r.JSON()
}

// withMeta returns a result with about in its _meta, replacing our members there. No other byte of it changes.
func withMeta(result []byte, about jsontext.Fields) json.RawMessage {
	return addMeta(result, about, func(name string) bool { return !strings.HasPrefix(name, ownPrefix) })
}

// AddMeta returns a result with more in its _meta. No other byte of it changes.
func AddMeta(result []byte, more jsontext.Fields) json.RawMessage {
	return addMeta(result, more, func(name string) bool { return !more.Has(name) })
}

// addMeta keeps the existing members that keep selects.
func addMeta(result []byte, about jsontext.Fields, keep func(name string) bool) json.RawMessage {
	start, end := valueOf(result, "_meta")
	if start < 0 {
		trimmed := bytes.TrimRight(result, " \t\r\n")
		last := len(trimmed) - 1
		comma := ","
		if bytes.HasSuffix(bytes.TrimRight(trimmed[:last], " \t\r\n"), []byte("{")) {
			comma = ""
		}
		return splice(result, last, last, []byte(comma+`"_meta":`+string(about.JSON())))
	}
	list, err := jsontext.FieldsOf(result[start:end])
	if err != nil { // null, or something to which nothing can be added
		if string(result[start:end]) != "null" {
			return result
		}
		return splice(result, start, end, about.JSON())
	}
	var all jsontext.Fields
	for _, m := range list {
		if keep(m.Name) {
			all = append(all, m)
		}
	}
	return splice(result, start, end, append(all, about...).JSON())
}

func splice(text []byte, start, end int, with []byte) json.RawMessage {
	out := make([]byte, 0, len(text)+len(with))
	out = append(append(append(out, text[:start]...), with...), text[end:]...)
	return out
}

// valueOf returns where the value of a member of an object stands; start -1: there is none.
func valueOf(object []byte, name string) (start, end int) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return -1, 0
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return -1, 0
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return -1, 0
		}
		if t == name {
			end = int(dec.InputOffset())
			return end - len(value), end
		}
	}
	return -1, 0
}
