package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// viewNode is parsed JSON or YAML with its member order, its numbers as written
// and repeated names refused; encoding/json's maps lose all three.
type viewNode struct {
	kind    byte   // 'n'ull, 'b'ool, '0' number, 's'tring, '[' or '{'
	text    string // of a number or a string
	truth   bool
	list    []viewNode
	members []viewMember
}

type viewMember struct {
	name  string
	value viewNode
}

func (n viewNode) member(name string) (viewNode, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m.value, true
		}
	}
	return viewNode{}, false
}

const maxViewDepth = 200

func parseJSON(data []byte) (viewNode, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	n, err := readJSON(dec, 0)
	if err != nil {
		return viewNode{}, fmt.Errorf("JSON, byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return viewNode{}, fmt.Errorf("JSON, byte %d: something follows the value", dec.InputOffset())
	}
	return n, nil
}

func readJSON(dec *json.Decoder, depth int) (viewNode, error) {
	tok, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return viewNode{}, err
	}
	if depth > maxViewDepth {
		return viewNode{}, errors.New("nested too deeply")
	}
	switch t := tok.(type) {
	case bool:
		return viewNode{kind: 'b', truth: t}, nil
	case json.Number:
		return viewNode{kind: '0', text: t.String()}, nil
	case string:
		return viewNode{kind: 's', text: t}, nil
	case json.Delim:
		if t == '[' {
			return readJSONList(dec, depth)
		}
		return readJSONObject(dec, depth)
	}
	return viewNode{kind: 'n'}, nil
}

func readJSONList(dec *json.Decoder, depth int) (viewNode, error) {
	n := viewNode{kind: '['}
	for dec.More() {
		v, err := readJSON(dec, depth+1)
		if err != nil {
			return n, err
		}
		n.list = append(n.list, v)
	}
	_, err := dec.Token()
	return n, err
}

func readJSONObject(dec *json.Decoder, depth int) (viewNode, error) {
	n := viewNode{kind: '{'}
	seen := map[string]bool{}
	for dec.More() {
		name, err := readJSON(dec, depth+1)
		if err != nil {
			return n, err
		}
		if seen[name.text] {
			return n, fmt.Errorf("member %q appears twice", name.text)
		}
		seen[name.text] = true
		v, err := readJSON(dec, depth+1)
		if err != nil {
			return n, err
		}
		n.members = append(n.members, viewMember{name.text, v})
	}
	_, err := dec.Token()
	return n, err
}

// appendJSONString appends s as a JSON string without HTML escaping.
func appendJSONString(dst []byte, s string) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes, and a Builder takes all
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}
