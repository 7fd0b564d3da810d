// Command scorer is a tool that says what can be seen of an episode whose effect
// was asked about the text of a file. The request is one JSON object:
//
//	{"episode":"<hex>","request_text":"...","response_text":"...","label":"test"}
//
// Only request_text is needed; request_base64 and response_base64 may stand for
// bytes that are not UTF-8. The response is one JSON list of signals:
//
//	[{"type":"label","kind":"text","value":"test=0"},...,{"type":"reward","kind":"u64","value":1}]
//
// There is a text label, name=value, for each property of the file, in this order:
//
//	lang       go: it has a valid package clause and imports; other
//	test       1: it imports testing and declares a test, benchmark, fuzz target or example
//	unsafe     1: it imports unsafe
//	cgo        1: it imports C
//	build_tag  1: it has a //go:build line before the package clause
//	generated  1: it has the line that marks generated code
//
// A request that names a label gets the value of that one alone, as a u64:
// [{"type":"label","kind":"u64","value":1}]; for lang, go is 1. A reward is added
// when there is a response that has the members bytes and sha256, as textstat's
// has: 1 when they are right, else 0.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxRequest is the largest request in bytes.
const maxRequest = 256 << 20

type request struct {
	Episode        string  `json:"episode"`
	RequestText    *string `json:"request_text"`
	RequestBase64  []byte  `json:"request_base64"`
	ResponseText   *string `json:"response_text"`
	ResponseBase64 []byte  `json:"response_base64"`
	Label          string  `json:"label"`
}

type signal struct {
	Type  string `json:"type"`
	Kind  string `json:"kind"`
	Value any    `json:"value"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scorer:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	data, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	if err != nil {
		return err
	}
	if len(data) > maxRequest {
		return fmt.Errorf("request exceeds %d bytes", maxRequest)
	}
	var req request
	if err := json.Unmarshal(data, &req); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	signals, err := score(req)
	if err != nil {
		return err
	}
	answer, err := json.Marshal(signals)
	if err != nil {
		return err
	}
	_, err = out.Write(append(answer, '\n'))
	return err
}

func score(req request) ([]signal, error) {
	text := req.RequestBase64
	if req.RequestText != nil {
		text = []byte(*req.RequestText)
	}
	if text == nil {
		return nil, errors.New("request_text is missing")
	}
	var signals []signal
	for _, l := range labelsOf(text) {
		switch {
		case req.Label == "":
			signals = append(signals, signal{"label", "text", l.name + "=" + l.value})
		case req.Label == l.name:
			return []signal{{"label", "u64", l.number()}}, nil
		}
	}
	if req.Label != "" {
		return nil, fmt.Errorf("label %q is not known", req.Label)
	}
	response := req.ResponseBase64
	if req.ResponseText != nil {
		response = []byte(*req.ResponseText)
	}
	if value, ok := reward(text, response); ok {
		signals = append(signals, signal{"reward", "u64", value})
	}
	return signals, nil
}
