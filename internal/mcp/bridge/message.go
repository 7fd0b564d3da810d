package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/mythos-project/mythos/exec/mcptool/streamable"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/door"
)

// message is what the transport needs of a message.
type message struct {
	text     []byte // on one line
	id       json.RawMessage
	method   string // empty: it is an answer
	name     string // of the tool, resource or prompt
	args     json.RawMessage
	version  string // in its _meta
	progress string // its token
	code     string // of an error
}

// parse reads one message of either side.
func parse(text []byte) (message, error) {
	m := message{text: bytes.TrimSpace(text)}
	if bytes.ContainsAny(m.text, "\r\n") {
		m.text = jsontext.Compact(m.text)
	}
	fields, err := jsontext.FieldsOf(m.text)
	if err != nil {
		return m, err
	}
	m.id = fields.Get("id")
	m.method, _ = jsontext.TextOf(fields.Get("method")) // without a text there is none
	if m.id == nil && fields.Has("id") && m.method != "" {
		return m, errors.New("an id is a text or a number, null is not")
	}
	if m.id != nil {
		if err := door.CheckShort(m.id); err != nil {
			return m, err
		}
	}
	if rpc, err := jsontext.FieldsOf(fields.Get("error")); err == nil {
		m.code = string(rpc.Get("code"))
	}
	params, err := jsontext.FieldsOf(fields.Get("params"))
	if err != nil {
		return m, nil // only an object has members
	}
	if about, err := jsontext.FieldsOf(params.Get("_meta")); err == nil {
		m.version, _ = jsontext.TextOf(about.Get("io.modelcontextprotocol/protocolVersion"))
		if m.progress = string(about.Get("progressToken")); m.method == "notifications/progress" {
			m.progress = ""
		}
	}
	switch m.method {
	case "notifications/progress":
		m.progress = string(params.Get("progressToken"))
	case "tools/call", "prompts/get":
		m.args = params.Get("arguments")
		m.name, _ = jsontext.TextOf(params.Get("name"))
	case "resources/read":
		m.name, _ = jsontext.TextOf(params.Get("uri"))
	}
	return m, nil
}

// read reads the message of a request, or says what is wrong with it.
func read(w http.ResponseWriter, r *http.Request) (message, bool) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		http.Error(w, "expected Content-Type application/json", http.StatusUnsupportedMediaType)
		return message{}, false
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	all := strings.Contains(accept, "*/*")
	if !all && (!strings.Contains(accept, "application/json") || !strings.Contains(accept, "text/event-stream")) {
		http.Error(w, "expected Accept: application/json, text/event-stream", http.StatusNotAcceptable)
		return message{}, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		http.Error(w, fmt.Sprintf("a request has at most %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return message{}, false
	}
	if err != nil {
		http.Error(w, "the request ended early", http.StatusBadRequest)
		return message{}, false
	}
	m, err := parse(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, message{}, codeParse, "expected one JSON-RPC message; batches are not accepted: "+err.Error())
		return m, false
	}
	return m, true
}

// Error codes of the transport.
const (
	codeParse    = -32700
	codeInvalid  = -32600
	codeParams   = -32602
	codeServer   = -32000
	codeMismatch = -32020
)

// refuse answers a message that is not passed on.
func refuse(w http.ResponseWriter, status int, m message, code int, why string) {
	id := m.id
	if id == nil {
		id = json.RawMessage("null")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, id, code, jsontext.Text(why))
}

// mismatch says which header differs from the body; empty: none does.
func (m message) mismatch(h http.Header) (code int, why string) {
	version := h.Get(headerVersion)
	switch {
	case version == "":
		return codeMismatch, "expected the header Mcp-Protocol-Version, because the body names a version"
	case m.id != nil && m.method != "" && m.version == "":
		return codeParams, "expected _meta io.modelcontextprotocol/protocolVersion"
	case m.version != "" && m.version != version:
		return codeMismatch, fmt.Sprintf("the header Mcp-Protocol-Version %q differs from the body: %q", version, m.version)
	case m.method != "" && differs(h, "Mcp-Method", m.method):
		return codeMismatch, fmt.Sprintf("the header Mcp-Method %q differs from the body: %q", h.Get("Mcp-Method"), m.method)
	case m.name != "" && differs(h, "Mcp-Name", m.name):
		return codeMismatch, fmt.Sprintf("the header Mcp-Name %q differs from the body: %q", h.Get("Mcp-Name"), m.name)
	}
	return 0, ""
}

// differs reports whether a header differs from a text.
func differs(h http.Header, name, text string) bool {
	said, ok := streamable.TextOf(h.Get(name))
	return !ok || said != text
}

// statusOf returns the HTTP status of an error answer, in versions that use it.
func statusOf(code string) int {
	switch code {
	case "-32601":
		return http.StatusNotFound
	case "-32602", "-32020", "-32021", "-32022":
		return http.StatusBadRequest
	}
	return http.StatusOK
}
