// Package strictyaml reads YAML that people write, without guessing: a member that is misspelt, repeated or has no
// value is an error, not a zero value.
//
// The library alone treats a member without a value as missing, 1.9 as the whole number 1 and "on" as true, reads only
// the first of several documents, and lets one part of a file stand for another (aliases, merge keys). This package
// does none of that.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrEmpty means that there is no document: the file is empty, or has only comments.
var ErrEmpty = errors.New("it is empty")

// maxDepth is the maximum nesting of maps and lists.
const maxDepth = 100

// Unmarshal reads the single YAML document in data into v, a pointer. A map may have only the members of v's structs
// (tag yaml), at any depth, in exactly this spelling and at most once. Errors name the line.
func Unmarshal(data []byte, v any) error {
	root, err := Document(data)
	if err != nil {
		return err
	}
	return Decode(root, v)
}

// Document reads the single YAML document in data, without checking its contents. The error is ErrEmpty if there is
// none.
func Document(data []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, ErrEmpty
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document")
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, ErrEmpty
	}
	return root, nil
}

// Decode is Unmarshal for a part of a document.
func Decode(n *yaml.Node, v any) error {
	if err := check(n, reflect.TypeOf(v), "", 0); err != nil {
		return err
	}
	return n.Decode(v)
}

var (
	nodeType        = reflect.TypeFor[yaml.Node]()
	unmarshalerType = reflect.TypeFor[yaml.Unmarshaler]()
)

// check compares a node with its type.
func check(n *yaml.Node, t reflect.Type, name string, depth int) error {
	own := false // the type reads the node itself
	for t.Kind() == reflect.Pointer {
		own = own || t.Implements(unmarshalerType)
		t = t.Elem()
	}
	own = own || reflect.PointerTo(t).Implements(unmarshalerType)
	switch {
	case depth > maxDepth:
		return fmt.Errorf("line %d: more than %d maps and lists inside one another", n.Line, maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return fmt.Errorf("line %d: anchors and aliases are not taken", n.Line)
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return fmt.Errorf("line %d: %s has no value: give one, or leave the line out", n.Line, named(name))
	case n.Kind == yaml.MappingNode:
		return checkMap(n, t, name, own, depth)
	case n.Kind == yaml.SequenceNode:
		return checkList(n, t, name, own, depth)
	case own, t == nodeType, t.Kind() == reflect.Interface:
		return nil
	}
	return checkScalar(n, t, name)
}

func checkMap(n *yaml.Node, t reflect.Type, name string, own bool, depth int) error {
	free := own || t == nodeType || t.Kind() == reflect.Interface
	members := map[string]reflect.Type{}
	switch {
	case free:
	case t.Kind() == reflect.Struct:
		members = membersOf(t)
	case t.Kind() != reflect.Map:
		return fmt.Errorf("line %d: %s is a map; %s is expected", n.Line, named(name), words(t))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" || key.Anchor != "" {
			return fmt.Errorf("line %d: a name is expected before the colon", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: %q is there twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		of, known := members[key.Value]
		switch {
		case free:
			of = reflect.TypeFor[any]()
		case t.Kind() == reflect.Map:
			of = t.Elem()
		case !known:
			return fmt.Errorf("line %d: %q is not known here%s", key.Line, key.Value, meant(key.Value, members))
		}
		if err := check(value, of, key.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func checkList(n *yaml.Node, t reflect.Type, name string, own bool, depth int) error {
	of := reflect.TypeFor[any]()
	switch {
	case own, t == nodeType, t.Kind() == reflect.Interface:
	case t.Kind() == reflect.Slice:
		of = t.Elem()
	default:
		return fmt.Errorf("line %d: %s is a list; %s is expected", n.Line, named(name), words(t))
	}
	for _, item := range n.Content {
		if err := check(item, of, name, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkScalar reads a value as YAML 1.2 does; digits and the like are also a text if a text is expected.
func checkScalar(n *yaml.Node, t reflect.Type, name string) error {
	tag, fits := n.ShortTag(), false
	switch t.Kind() {
	case reflect.String:
		fits = tag == "!!str" || (n.Style == 0 && (tag == "!!int" || tag == "!!float" || tag == "!!bool" || tag == "!!timestamp"))
	case reflect.Bool:
		fits = tag == "!!bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		fits = tag == "!!int"
	case reflect.Float32, reflect.Float64:
		fits = tag == "!!int" || tag == "!!float"
	}
	if !fits {
		return fmt.Errorf("line %d: %s is %q; %s is expected", n.Line, named(name), n.Value, words(t))
	}
	return nil
}

// membersOf returns the members of a struct by their names in YAML.
func membersOf(t reflect.Type) map[string]reflect.Type {
	list := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case strings.Contains(options, "inline"):
			for inner, of := range membersOf(f.Type) {
				list[inner] = of
			}
		case name == "":
			list[strings.ToLower(f.Name)] = f.Type
		default:
			list[name] = f.Type
		}
	}
	return list
}

// meant returns the name that was probably meant.
func meant(name string, members map[string]reflect.Type) string {
	flat := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "", "s", "").Replace(s))
	}
	for known := range members {
		if flat(known) == flat(name) {
			return fmt.Sprintf("; did you mean %q?", known)
		}
	}
	return ""
}

func named(name string) string {
	if name == "" {
		return "the document"
	}
	return name
}

func words(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a map"
	}
	return "a number"
}
