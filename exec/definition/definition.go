// Package definition holds the description of a tool: its name, its purpose, and the schemas of its input and output
// (spec/tools.md#definition). The hash of the definition is part of the tool's id, so that a receipt proves under which
// description a call was made.
package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// Tool is the definition of one tool.
type Tool struct {
	Name string
	// Text is the canonical form (see [jsontext.Canonical]) of the object with the members that define the tool's
	// meaning: name, title, description, inputSchema, outputSchema and annotations, if present.
	Text []byte

	input json.RawMessage // inputSchema
	hash  object.Hash
}

// Hash is the hash that exec.ModuleRef pins.
func (t Tool) Hash() object.Hash { return t.hash }

// defining are the members of a tool that are pinned, in the order of the plain form.
var defining = []string{"annotations", "description", "inputSchema", "name", "outputSchema", "title"}

// Read reads a member of the list of tools.
func Read(raw json.RawMessage) (Tool, error) {
	list, err := jsontext.FieldsOf(raw)
	if err != nil {
		return Tool{}, err
	}
	var own jsontext.Fields
	for _, name := range defining {
		if value := list.Get(name); value != nil {
			own = append(own, jsontext.Member{Name: name, Value: value})
		}
	}
	name, err := jsontext.TextOf(list.Get("name"))
	if err != nil || name == "" {
		return Tool{}, errors.New("a tool has no name")
	}
	text, err := jsontext.Canonical(own.JSON())
	if err != nil {
		return Tool{}, fmt.Errorf("tool %q: %w", name, err)
	}
	return Tool{name, text, bytes.Clone(list.Get("inputSchema")), object.Sum(text)}, nil
}

// Of is the definition that a user gives when registering a tool; schemas may be nil. Name and description must be
// UTF-8.
func Of(name, description string, input, output json.RawMessage) (Tool, error) {
	if !utf8.ValidString(name) || !utf8.ValidString(description) {
		return Tool{}, fmt.Errorf("tool %q: its name or description is not UTF-8", name)
	}
	var said jsontext.Fields
	said.AddText("name", name)
	said.AddText("description", description)
	said.Add("inputSchema", input)
	said.Add("outputSchema", output)
	return Read(said.JSON())
}

// Hints are a server's claims about a tool. They have no effect until somebody accepts them.
type Hints struct {
	Reads   bool // it changes nothing
	Repeats bool // repeating a call has no further effect
}

// HintsOf reads the claims from the text of a definition.
func HintsOf(text []byte) (h Hints) {
	list, err := jsontext.FieldsOf(text)
	if err != nil {
		return h
	}
	claims, err := jsontext.FieldsOf(list.Get("annotations"))
	if err != nil {
		return h
	}
	h.Reads = string(claims.Get("readOnlyHint")) == "true"
	h.Repeats = h.Reads || string(claims.Get("idempotentHint")) == "true"
	return h
}
