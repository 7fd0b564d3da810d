// Package jsonschema checks values against JSON Schemas of any draft; a schema that does not name its draft is read as
// 2020-12. Nothing is fetched: a schema must be self-contained.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a JSON Schema.
type Schema struct{ compiled *jsonschema.Schema }

// nowhere loads nothing: a schema must be self-contained.
type nowhere struct{}

// Load implements jsonschema.URLLoader.
func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: schemas are not fetched", url)
}

// Once reads a schema when it is first needed.
func Once(raw json.RawMessage) func() (*Schema, error) {
	return sync.OnceValues(func() (*Schema, error) { return Read(raw) })
}

// Read reads a schema.
func Read(raw json.RawMessage) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if err := tame(raw); err != nil {
		return nil, err
	}
	const here = "mythos:schema"
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource(here, doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(here)
	return &Schema{compiled}, err
}

// Check says where a value does not match the schema.
func (s *Schema) Check(raw json.RawMessage) error {
	if err := tame(raw); err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	err = s.compiled.Validate(value)
	var wrong *jsonschema.ValidationError
	if errors.As(err, &wrong) {
		return errors.New(explain(wrong))
	}
	return err
}

const maxComplaints = 5

// explain names the values that do not match, innermost first.
func explain(e *jsonschema.ValidationError) string {
	words := message.NewPrinter(language.English)
	var lines []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(lines) >= maxComplaints {
			return
		}
		if len(e.Causes) > 0 {
			for _, c := range e.Causes {
				walk(c)
			}
			return
		}
		at := "/" + strings.Join(e.InstanceLocation, "/")
		if _, ref := e.ErrorKind.(*kind.Reference); !ref {
			lines = append(lines, fmt.Sprintf("%.200s: %.300s", at, e.ErrorKind.LocalizedString(words)))
		}
	}
	walk(e)
	return strings.Join(lines, "; ")
}

// Numbers are compared as fractions: one with a huge exponent would fill the memory.
const maxDigits = 400

var (
	stringOrNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*`) })
	exponent       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[eE]([+-]?[0-9]+)$`) })
)

// tame refuses JSON with a number that is too long to compare.
func tame(raw []byte) error {
	for _, at := range stringOrNumber().FindAllIndex(raw, -1) {
		word := raw[at[0]:at[1]]
		if word[0] == '"' {
			continue
		}
		power := 0
		if m := exponent().FindSubmatch(word); m != nil {
			var err error
			if power, err = strconv.Atoi(string(m[1])); err != nil {
				power = maxDigits + 1
			}
		}
		if len(word) > maxDigits || power > maxDigits || power < -maxDigits {
			return fmt.Errorf("the number %.40s has more than %d digits", word, maxDigits)
		}
	}
	return nil
}
