package mcptool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// message is one JSON-RPC message of a server. Values are as the server wrote them.
type message struct {
	id     json.RawMessage // nil: absent or null
	method string          // of a request and a notification; empty in an answer
	result json.RawMessage
	err    json.RawMessage
}

// answer is a server's answer to a request: a result or an error.
type answer struct{ result, err json.RawMessage }

// byteOrderMark may stand before the first message of a server.
var byteOrderMark = []byte("\xef\xbb\xbf")

// parse reads the messages in a line of a server's output, or in the body of an endpoint's answer: one message or a
// batch. It returns nothing for anything that is not JSON-RPC.
func parse(line []byte) []message {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, byteOrderMark))
	if len(line) == 0 {
		return nil
	}
	if line[0] != '[' {
		if m, ok := parseOne(line); ok {
			return []message{m}
		}
		return nil
	}
	var batch []json.RawMessage
	if json.Unmarshal(line, &batch) != nil {
		return nil
	}
	var list []message
	for _, raw := range batch {
		m, ok := parseOne(raw)
		if !ok {
			return nil
		}
		list = append(list, m)
	}
	return list
}

func parseOne(raw []byte) (message, bool) {
	if !json.Valid(raw) {
		return message{}, false
	}
	list, err := jsontext.FieldsOf(raw)
	if err != nil {
		return message{}, false
	}
	if version, ok := textOf(list.Get("jsonrpc")); !ok || version != "2.0" {
		return message{}, false
	}
	m := message{id: list.Get("id"), result: list.Get("result"), err: list.Get("error")}
	if raw := list.Get("method"); raw != nil {
		method, ok := textOf(raw)
		return message{id: m.id, method: method}, ok && m.result == nil && m.err == nil
	}
	return m, (m.result != nil) != (m.err != nil)
}

// textOf returns a Unicode text; servers may interpret any other value differently.
func textOf(raw json.RawMessage) (string, bool) {
	text, err := jsontext.TextOf(raw)
	return text, err == nil
}

// number is the number of our request that an answer is about; 0: unknown.
func (m message) number() int64 {
	text := string(m.id)
	if s, ok := textOf(m.id); ok {
		text = s // some servers turn a number into a text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// idOf is the id of one of our own requests. On a client's connection it is a text, to distinguish it from the client's
// ids.
func idOf(number int64, client bool) json.RawMessage {
	if client {
		return jsontext.Text(fmt.Sprint(ownID, number))
	}
	return strconv.AppendInt(nil, number, 10)
}

// request is the bytes of a request, one line; without an id it is a notification.
func request(id json.RawMessage, method string, params []byte) []byte {
	line := []byte(`{"jsonrpc":"2.0"`)
	if id != nil {
		line = append(append(line, `,"id":`...), id...)
	}
	line = append(append(line, `,"method":`...), jsontext.Text(method)...)
	if params != nil {
		line = append(append(line, `,"params":`...), params...)
	}
	return append(line, "}\n"...)
}

// reply answers a server's request: we are here and have no capabilities.
func reply(m message) []byte {
	if m.method == "ping" {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", m.id)
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`+"\n", m.id)
}

// rpcError is a JSON-RPC error, for people.
type rpcError struct {
	code int64
	text string
}

func (e *rpcError) Error() string { return fmt.Sprintf("mcp error %d: %s", e.code, e.text) }

const codeNoMethod = -32601 // the server does not know the method

func readError(raw json.RawMessage) *rpcError {
	e := &rpcError{text: "without a message"}
	list, err := jsontext.FieldsOf(raw)
	if err != nil {
		return e
	}
	e.code, _ = strconv.ParseInt(string(list.Get("code")), 10, 64)
	if text, ok := textOf(list.Get("message")); ok {
		e.text = text
	}
	return e
}

// numberIn finds the number of the request in the beginning of an answer; 0: not found.
func numberIn(head []byte) int64 {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(head, byteOrderMark)))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return 0
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return 0
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return 0
		}
		if name == "id" {
			return message{id: value}.number()
		}
	}
	return 0
}
