package object

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/object/can"
)

// ToYAML renders canonical bytes as the view of [ToJSON], written as YAML.
func ToYAML(t *can.Type, raw []byte) ([]byte, error) {
	view, err := ToJSON(t, raw)
	if err != nil {
		return nil, err
	}
	n, err := parseJSON(view)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(n.yaml())
}

// FromYAML is [FromJSON] for one YAML document, which may be JSON. Floats, anchors
// and repeated keys are refused with their line.
func FromYAML(t *can.Type, data []byte) ([]byte, error) {
	n, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	return fromView(t, n)
}

func parseYAML(data []byte) (viewNode, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("there is no document")
		}
		return viewNode{}, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return viewNode{}, errors.New("expected one document, found more")
	}
	return readYAML(doc.Content[0], 0)
}

func readYAML(n *yaml.Node, depth int) (viewNode, error) {
	if depth > maxViewDepth {
		return viewNode{}, fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return readYAMLScalar(n)
	case yaml.SequenceNode:
		list := viewNode{kind: '['}
		for _, e := range n.Content {
			v, err := readYAML(e, depth+1)
			if err != nil {
				return list, err
			}
			list.list = append(list.list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return readYAMLMapping(n, depth)
	}
	return viewNode{}, fmt.Errorf("line %d: aliases are not taken", n.Line)
}

func readYAMLMapping(n *yaml.Node, depth int) (viewNode, error) {
	m := viewNode{kind: '{'}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return m, fmt.Errorf("line %d: a key must be a scalar", key.Line)
		}
		if seen[key.Value] {
			return m, fmt.Errorf("line %d: member %q appears twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		v, err := readYAML(n.Content[i+1], depth+1)
		if err != nil {
			return m, err
		}
		m.members = append(m.members, viewMember{key.Value, v})
	}
	return m, nil
}

func readYAMLScalar(n *yaml.Node) (viewNode, error) {
	switch n.Tag {
	case "!!null":
		return viewNode{kind: 'n'}, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return viewNode{kind: 'b', truth: b}, err
	case "!!int":
		return viewNode{kind: '0', text: n.Value}, nil
	case "!!float":
		return viewNode{}, fmt.Errorf("line %d: %s is not an integer (there are no floats)", n.Line, n.Value)
	}
	return viewNode{kind: 's', text: n.Value}, nil
}

// yaml turns the node into one that marshals with the same types and order.
func (n viewNode) yaml() *yaml.Node {
	scalar := func(tag, value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value} }
	switch n.kind {
	case 'n':
		return scalar("!!null", "null")
	case 'b':
		return scalar("!!bool", strconv.FormatBool(n.truth))
	case '0':
		return scalar("!!int", n.text)
	case 's':
		return scalar("!!str", n.text)
	case '[':
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range n.list {
			list.Content = append(list.Content, e.yaml())
		}
		return list
	}
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range n.members {
		m.Content = append(m.Content, scalar("!!str", e.name), e.value.yaml())
	}
	return m
}
