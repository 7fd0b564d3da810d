package object

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object/can"
)

// FromJSON is the reverse of [ToJSON]: it turns the JSON view into canonical
// bytes. Hashes may also be written as {"alg","bytes"}, agents as their public
// key, times as integers. With a type, the result decodes as that type; field
// rules and ids are not checked.
func FromJSON(t *can.Type, data []byte) ([]byte, error) {
	n, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	return fromView(t, n)
}

// FromText is FromJSON for text that may also be YAML. Text is JSON if it parses as JSON or begins like a JSON object,
// list or string; any other text is YAML.
func FromText(t *can.Type, data []byte) ([]byte, error) {
	start := bytes.TrimSpace(data)
	if len(start) > 0 && bytes.IndexByte([]byte(`{["`), start[0]) >= 0 || json.Valid(data) {
		return FromJSON(t, data) // an error about JSON is more useful here
	}
	return FromYAML(t, data)
}

func fromView(t *can.Type, n viewNode) ([]byte, error) {
	raw, err := encodeNode(t, n)
	if err != nil {
		return nil, err
	}
	return raw, can.Validate(raw)
}

func encodeNode(t *can.Type, n viewNode) ([]byte, error) {
	if t == nil || t.Kind == can.KindRaw {
		v, err := untypedNode(n)
		if err != nil {
			return nil, err
		}
		return v.Append(nil)
	}
	if n.kind == 's' && t.Kind == can.KindStruct {
		return encodeShort(t, n.text)
	}
	switch t.Kind {
	case can.KindStruct:
		return encodeStruct(t, n)
	case can.KindList:
		return encodeList(t, n)
	case can.KindMap:
		return encodeMap(t, n)
	}
	return encodeScalar(t, n)
}

// encodeShort encodes the types that have a text form.
func encodeShort(t *can.Type, s string) ([]byte, error) {
	switch t.Go {
	case hashGo:
		h, err := ParseHash(s)
		if err != nil {
			return nil, err
		}
		return can.Marshal(&h)
	case agentGo:
		a, err := ParseKey(s)
		if err != nil {
			return nil, err
		}
		return can.Marshal(&a)
	}
	return nil, fmt.Errorf("expected an object with the fields of %s, found a string", t.Go.Name())
}

func encodeStruct(t *can.Type, n viewNode) ([]byte, error) {
	if n.kind != '{' {
		return nil, fmt.Errorf("expected an object with the fields of %s", t.Go.Name())
	}
	pairs := make([][2][]byte, 0, len(n.members))
	for _, m := range n.members {
		num, ft, err := fieldNamed(t, m.name)
		if err != nil {
			return nil, err
		}
		v, err := encodeNode(ft, m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		pairs = append(pairs, [2][]byte{can.AppendUint(nil, num), v})
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		if _, ok := n.member(f.Name); !ok && !f.Optional {
			return nil, fmt.Errorf("%s: required field %q is missing", t.Go.Name(), f.Name)
		}
	}
	return can.MapOf(pairs)
}

// fieldNamed finds a field by its name or by "$N".
func fieldNamed(t *can.Type, name string) (uint64, *can.Type, error) {
	if f, ok := t.FieldByName(name); ok {
		return f.Num, f.Type, nil
	}
	if digits, ok := strings.CutPrefix(name, "$"); ok {
		num, err := strconv.ParseUint(digits, 10, 64)
		if _, known := t.FieldByNum(num); err == nil && !known {
			return num, nil, nil
		}
	}
	names := make([]string, len(t.Fields))
	for i := range t.Fields {
		names[i] = t.Fields[i].Name
	}
	return 0, nil, fmt.Errorf("%s has no field %q (it has %s)", t.Go.Name(), name, strings.Join(names, ", "))
}

func encodeList(t *can.Type, n viewNode) ([]byte, error) {
	if n.kind != '[' {
		return nil, errors.New("expected a list")
	}
	values := make([][]byte, len(n.list))
	for i, e := range n.list {
		v, err := encodeNode(t.Elem, e)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		values[i] = v
	}
	return can.ListOf(values)
}

func encodeMap(t *can.Type, n viewNode) ([]byte, error) {
	if n.kind != '{' {
		return nil, errors.New("expected an object")
	}
	pairs := make([][2][]byte, len(n.members))
	for i, m := range n.members {
		key, err := encodeScalar(t.Key, viewNode{kind: 's', text: m.name})
		if err != nil {
			return nil, err
		}
		v, err := encodeNode(t.Elem, m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		pairs[i] = [2][]byte{key, v}
	}
	return can.MapOf(pairs)
}

func encodeScalar(t *can.Type, n viewNode) ([]byte, error) {
	switch t.Kind {
	case can.KindBool:
		if n.kind != 'b' {
			return nil, errors.New("expected true or false")
		}
		return can.AppendBool(nil, n.truth), nil
	case can.KindText:
		if n.kind != 's' {
			return nil, errors.New("expected a string")
		}
		return can.AppendText(nil, n.text)
	case can.KindBytes, can.KindArray:
		b, err := hex.DecodeString(n.text)
		if n.kind != 's' || err != nil {
			return nil, errors.New("expected a string of hex digits")
		}
		if t.Kind == can.KindArray && len(b) != t.Go.Len() {
			return nil, fmt.Errorf("%d bytes, expected %d", len(b), t.Go.Len())
		}
		return can.AppendBytes(nil, b), nil
	}
	if n.kind != '0' && n.kind != 's' {
		return nil, errors.New("expected an integer")
	}
	if t.Go != timeGo {
		if err := plainNumber(n.text); err != nil {
			return nil, err
		}
	}
	if t.Kind == can.KindUint {
		u, err := strconv.ParseUint(n.text, 10, t.Go.Bits())
		if err != nil {
			return nil, fmt.Errorf("expected an unsigned integer of %d bits, found %s", t.Go.Bits(), n.text)
		}
		return can.AppendUint(nil, u), nil
	}
	return encodeInt(t, n)
}

func encodeInt(t *can.Type, n viewNode) ([]byte, error) {
	if t.Go == timeGo {
		at, err := ParseTime(n.text)
		return can.AppendInt(nil, int64(at)), err
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("expected a signed integer of 64 bits, found %s", n.text)
	}
	return can.AppendInt(nil, i), nil
}

func untypedNode(n viewNode) (can.Value, error) {
	switch n.kind {
	case 'n':
		return can.Value{}, nil
	case 'b':
		if n.truth {
			return can.Value{Tag: can.TagTrue}, nil
		}
		return can.Value{Tag: can.TagFalse}, nil
	case '0':
		return untypedNumber(n.text)
	case 's':
		return can.Value{Tag: can.TagText, Bytes: []byte(n.text)}, nil
	case '[':
		v := can.Value{Tag: can.TagList}
		for _, e := range n.list {
			ev, err := untypedNode(e)
			if err != nil {
				return v, err
			}
			v.List = append(v.List, ev)
		}
		return v, nil
	}
	if len(n.members) == 1 && strings.HasPrefix(n.members[0].name, "$") {
		return untypedSpecial(n.members[0])
	}
	v := can.Value{Tag: can.TagMap}
	for _, m := range n.members {
		ev, err := untypedNode(m.value)
		if err != nil {
			return v, err
		}
		v.Pairs = append(v.Pairs, can.Pair{Key: can.Value{Tag: can.TagText, Bytes: []byte(m.name)}, Value: ev})
	}
	return v, nil
}

func untypedNumber(s string) (can.Value, error) {
	if err := plainNumber(s); err != nil {
		return can.Value{}, err
	}
	if strings.HasPrefix(s, "-") {
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return can.Value{}, fmt.Errorf("%s is not an integer of 64 bits (there are no floats)", s)
		}
		return can.Value{Tag: can.TagInt, Int: i}, nil
	}
	u, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return can.Value{}, fmt.Errorf("%s is not an integer of 64 bits (there are no floats)", s)
	}
	return can.Value{Tag: can.TagUint, Uint: u}, nil
}

// untypedSpecial reads {"$i":..}, {"$u":..}, {"$b":..} and {"$m":..}.
func untypedSpecial(m viewMember) (can.Value, error) {
	if m.name == "$i" || m.name == "$u" {
		if err := plainNumber(m.value.text); err != nil {
			return can.Value{}, err
		}
	}
	switch m.name {
	case "$i":
		i, err := strconv.ParseInt(m.value.text, 10, 64)
		return can.Value{Tag: can.TagInt, Int: i}, err
	case "$u":
		u, err := strconv.ParseUint(m.value.text, 10, 64)
		return can.Value{Tag: can.TagUint, Uint: u}, err
	case "$b":
		b, err := hex.DecodeString(m.value.text)
		if m.value.kind != 's' || err != nil {
			return can.Value{}, errors.New(`"$b" takes a string of hex digits`)
		}
		return can.Value{Tag: can.TagBytes, Bytes: b}, nil
	case "$m":
		return untypedPairs(m.value)
	}
	return can.Value{}, fmt.Errorf("unknown form %q; write such a map as {\"$m\":[[k,v],...]}", m.name)
}

func untypedPairs(n viewNode) (can.Value, error) {
	v := can.Value{Tag: can.TagMap}
	if n.kind != '[' {
		return v, errors.New(`"$m" takes a list of pairs`)
	}
	for _, p := range n.list {
		if p.kind != '[' || len(p.list) != 2 {
			return v, errors.New(`"$m" takes a list of [key, value] pairs`)
		}
		k, err := untypedNode(p.list[0])
		if err != nil {
			return v, err
		}
		val, err := untypedNode(p.list[1])
		if err != nil {
			return v, err
		}
		v.Pairs = append(v.Pairs, can.Pair{Key: k, Value: val})
	}
	return v, nil
}
