// Package definition holds what is said of a tool: its name, what it does, and the schemas of
// what it takes and answers (spec/tools.md#definition). The hash of that is a part of the
// tool's id, so that a receipt proves under which description a call was made.
package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// Tool is what is said of one tool.
type Tool struct {
	Name string
	// Text is the canonical form (see [jsontext.Canonical]) of the object of the members that say what the
	// tool means: name, title, description, inputSchema, outputSchema and annotations, as
	// far as they are there.
	Text []byte

	input json.RawMessage // inputSchema
	hash  object.Hash
}

// Hash is what exec.ModuleRef pins.
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

// Of is what somebody says of a tool who registers it; schemas may be nil.
func Of(name, description string, input, output json.RawMessage) (Tool, error) {
	var said jsontext.Fields
	said.AddText("name", name)
	said.AddText("description", description)
	said.Add("inputSchema", input)
	said.Add("outputSchema", output)
	return Read(said.JSON())
}

// Hints are what a server claims of a tool. Nothing follows from them until somebody accepts them.
type Hints struct {
	Reads   bool // it changes nothing
	Repeats bool // repeating a call changes nothing more
}

// HintsOf reads the claims in the text of a definition.
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
