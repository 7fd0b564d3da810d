package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonNode is parsed JSON with its member order, its numbers as written and
// repeated names refused; encoding/json's maps lose all three.
type jsonNode struct {
	kind    byte   // 'n'ull, 'b'ool, '0' number, 's'tring, '[' or '{'
	text    string // of a number or a string
	truth   bool
	list    []jsonNode
	members []jsonMember
}

type jsonMember struct {
	name  string
	value jsonNode
}

func (n jsonNode) member(name string) (jsonNode, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m.value, true
		}
	}
	return jsonNode{}, false
}

const maxJSONDepth = 200

func parseJSON(data []byte) (jsonNode, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	n, err := readJSON(dec, 0)
	if err != nil {
		return jsonNode{}, fmt.Errorf("JSON, byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return jsonNode{}, fmt.Errorf("JSON, byte %d: something follows the value", dec.InputOffset())
	}
	return n, nil
}

func readJSON(dec *json.Decoder, depth int) (jsonNode, error) {
	tok, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return jsonNode{}, err
	}
	if depth > maxJSONDepth {
		return jsonNode{}, errors.New("nested too deeply")
	}
	switch t := tok.(type) {
	case bool:
		return jsonNode{kind: 'b', truth: t}, nil
	case json.Number:
		return jsonNode{kind: '0', text: t.String()}, nil
	case string:
		return jsonNode{kind: 's', text: t}, nil
	case json.Delim:
		if t == '[' {
			return readJSONList(dec, depth)
		}
		return readJSONObject(dec, depth)
	}
	return jsonNode{kind: 'n'}, nil
}

func readJSONList(dec *json.Decoder, depth int) (jsonNode, error) {
	n := jsonNode{kind: '['}
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

func readJSONObject(dec *json.Decoder, depth int) (jsonNode, error) {
	n := jsonNode{kind: '{'}
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
		n.members = append(n.members, jsonMember{name.text, v})
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
