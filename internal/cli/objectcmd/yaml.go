package objectcmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const maxYAMLDepth = 200

// looksLikeJSON reports whether an error about data is better told as one about
// JSON.
func looksLikeJSON(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// yamlToJSON rewrites one YAML document as JSON, keeping integers of any size
// and the order of keys. Floats, anchors and repeated keys are refused later or
// here.
func yamlToJSON(data []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fmt.Errorf("expected one YAML document")
	}
	return appendYAML(nil, doc.Content[0], 0)
}

func appendYAML(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	if depth > maxYAMLDepth {
		return nil, fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return appendYAMLScalar(dst, n)
	case yaml.SequenceNode:
		return appendYAMLSequence(dst, n, depth)
	case yaml.MappingNode:
		return appendYAMLMapping(dst, n, depth)
	}
	return nil, fmt.Errorf("line %d: aliases are not supported", n.Line)
}

func appendYAMLSequence(dst []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, e := range n.Content {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendYAML(dst, e, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendYAMLMapping(dst []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	dst = append(dst, '{')
	for i := 0; i < len(n.Content); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		if n.Content[i].Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a key must be a scalar", n.Content[i].Line)
		}
		dst = append(appendQuoted(dst, n.Content[i].Value), ':')
		if dst, err = appendYAML(dst, n.Content[i+1], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendYAMLScalar(dst []byte, n *yaml.Node) ([]byte, error) {
	switch n.Tag {
	case "!!null":
		return append(dst, "null"...), nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, err
		}
		return strconv.AppendBool(dst, b), nil
	case "!!int":
		return append(dst, n.Value...), nil
	case "!!float":
		return nil, fmt.Errorf("line %d: %s is no integer (there are no floats)", n.Line, n.Value)
	}
	return appendQuoted(dst, n.Value), nil
}

func appendQuoted(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(dst, quoted...)
}
