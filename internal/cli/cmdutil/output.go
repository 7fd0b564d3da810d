package cmdutil

import (
	"github.com/spf13/cobra"
)

// Form is the form of a command's result.
type Form string

// The forms of results.
const (
	FormDocument Form = "document" // one JSON document
	FormLines    Form = "lines"    // JSON lines: one document per element
	FormBytes    Form = "bytes"    // bytes or text, unchanged; --json affects only errors
	FormNothing  Form = "nothing"  // no result; --json affects only errors
)

// Output is a command's standard output with --json. The JSON Schemas in schemas/ are made from it.
type Output struct {
	Form  Form
	Types []any // a zero value of each possible type of a document
}

// Document declares one JSON document of one of the given types: Go structs with json tags, or structs of the protocol
// in their JSON view.
func Document(types ...any) Output { return Output{FormDocument, types} }

// JSONLines declares JSON lines, each of one of the given types.
func JSONLines(types ...any) Output { return Output{FormLines, types} }

// Bytes declares a result without a JSON form: bytes, or text.
func Bytes() Output { return Output{Form: FormBytes} }

// Nothing declares that a command has no result.
func Nothing() Output { return Output{Form: FormNothing} }

// Results are the outputs of a noun's verbs by name; "" is the command itself.
type Results map[string]Output

// Returns declares the outputs of c and its verbs. Every runnable command declares its output once, in the results.go
// of its package.
func (f *Factory) Returns(c *cobra.Command, r Results) *cobra.Command {
	if f.outputs == nil {
		f.outputs = map[*cobra.Command]Output{}
	}
	matched := 0
	if o, ok := r[""]; ok {
		f.outputs[c] = o
		matched++
	}
	for _, verb := range c.Commands() {
		if o, ok := r[verb.Name()]; ok {
			f.outputs[verb] = o
			matched++
		}
	}
	if matched != len(r) {
		f.unmatched = append(f.unmatched, c.Name())
	}
	return c
}

// Output is the declared output of c.
func (f *Factory) Output(c *cobra.Command) (Output, bool) {
	o, ok := f.outputs[c]
	return o, ok
}

// Unmatched names the commands that declare an output for a verb that does not exist.
func (f *Factory) Unmatched() []string { return f.unmatched }

// OK is the result of a successful check.
type OK struct {
	OK bool `json:"ok"`
}

// Any is a document of any shape: the JSON view of the requested object.
type Any struct{}
