package object

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object/can"
)

var (
	hashGo  = reflect.TypeFor[Hash]()
	timeGo  = reflect.TypeFor[Time]()
	agentGo = reflect.TypeFor[AgentID]()
)

// ToJSON renders canonical bytes as compact JSON (spec/objects.md#json-view). With a type, members have the protocol's
// field names, hashes and bytes are hex and times RFC 3339; a field that the type does not know is the member "$N",
// where N is its number. A nil type gives the untyped view: strings are text, integers that are not plain are
// {"$i":"5"}, bytes are {"$b":"hex"}, and maps with keys other than text are {"$m":[[k,v],...]}.
func ToJSON(t *can.Type, raw []byte) ([]byte, error) {
	r := can.NewReader(raw)
	out, err := viewValue(nil, t, r)
	if err != nil {
		return nil, err
	}
	return out, r.End()
}

func viewValue(dst []byte, t *can.Type, r *can.Reader) ([]byte, error) {
	if t == nil || t.Kind == can.KindRaw {
		v, err := r.Value()
		if err != nil {
			return nil, err
		}
		return viewUntyped(dst, v), nil
	}
	if t.Go == hashGo {
		return viewHash(dst, t, r)
	}
	switch t.Kind {
	case can.KindStruct:
		return viewStruct(dst, t, r)
	case can.KindList:
		return viewList(dst, t, r)
	case can.KindMap:
		return viewMap(dst, t, r)
	case can.KindBytes, can.KindArray:
		b, err := r.Bytes()
		return appendJSONString(dst, hex.EncodeToString(b)), err
	case can.KindText:
		b, err := r.Text()
		return appendJSONString(dst, string(b)), err
	case can.KindUint:
		u, err := r.Uint()
		return strconv.AppendUint(dst, u, 10), err
	case can.KindBool:
		b, err := r.Bool()
		return strconv.AppendBool(dst, b), err
	}
	i, err := r.Int()
	if t.Go == timeGo {
		if s := Time(i).String(); strings.ContainsRune(s, 'T') {
			return appendJSONString(dst, s), err
		}
	}
	return strconv.AppendInt(dst, i, 10), err
}

// viewHash prints the digest. A hash with more than algorithm 1 and a digest prints as its struct, so that nothing is
// lost.
func viewHash(dst []byte, t *can.Type, r *can.Reader) ([]byte, error) {
	raw, err := r.Skip()
	if err != nil {
		return nil, err
	}
	var h Hash
	if err := can.Unmarshal(raw, &h); err == nil {
		if plain, err := can.Marshal(&h); err == nil && len(plain) == len(raw) {
			return appendJSONString(dst, h.String()), nil
		}
	}
	return viewStruct(dst, t, can.NewReader(raw))
}

func viewStruct(dst []byte, t *can.Type, r *can.Reader) ([]byte, error) {
	n, err := r.Map()
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	var prev []byte
	for i := range n {
		if prev, err = r.Key(prev); err != nil {
			return nil, err
		}
		var num uint64
		if err := can.Unmarshal(prev, &num); err != nil {
			return nil, err
		}
		name, ft := "$"+strconv.FormatUint(num, 10), (*can.Type)(nil)
		if f, ok := t.FieldByNum(num); ok {
			name, ft = f.Name, f.Type
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, name), ':')
		if dst, err = viewValue(dst, ft, r); err != nil {
			return nil, err
		}
	}
	r.Leave()
	return append(dst, '}'), nil
}

func viewList(dst []byte, t *can.Type, r *can.Reader) ([]byte, error) {
	n, err := r.List()
	if err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = viewValue(dst, t.Elem, r); err != nil {
			return nil, err
		}
	}
	r.Leave()
	return append(dst, ']'), nil
}

func viewMap(dst []byte, t *can.Type, r *can.Reader) ([]byte, error) {
	n, err := r.Map()
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	var prev []byte
	for i := range n {
		if prev, err = r.Key(prev); err != nil {
			return nil, err
		}
		key, err := can.Parse(prev)
		if err != nil {
			return nil, err
		}
		name := string(key.Bytes)
		if t.Key.Kind == can.KindUint {
			name = strconv.FormatUint(key.Uint, 10)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, name), ':')
		if dst, err = viewValue(dst, t.Elem, r); err != nil {
			return nil, err
		}
	}
	r.Leave()
	return append(dst, '}'), nil
}

func viewUntyped(dst []byte, v can.Value) []byte {
	switch v.Tag {
	case can.TagNull:
		return append(dst, "null"...)
	case can.TagFalse, can.TagTrue:
		return strconv.AppendBool(dst, v.Tag == can.TagTrue)
	case can.TagUint:
		return strconv.AppendUint(dst, v.Uint, 10)
	case can.TagInt:
		if v.Int < 0 {
			return strconv.AppendInt(dst, v.Int, 10)
		}
		return fmt.Appendf(dst, `{"$i":"%d"}`, v.Int)
	case can.TagBytes:
		return fmt.Appendf(dst, `{"$b":"%x"}`, v.Bytes)
	case can.TagText:
		return appendJSONString(dst, string(v.Bytes))
	case can.TagList:
		dst = append(dst, '[')
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = viewUntyped(dst, e)
		}
		return append(dst, ']')
	}
	return viewUntypedMap(dst, v.Pairs)
}

func viewUntypedMap(dst []byte, pairs []can.Pair) []byte {
	open, between, end := `{`, `:`, `}`
	if !plainKeys(pairs) {
		open, between, end = `{"$m":[`, `,`, `]}`
	}
	dst = append(dst, open...)
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		if between == "," {
			dst = append(dst, '[')
		}
		dst = append(viewUntyped(dst, p.Key), between...)
		dst = viewUntyped(dst, p.Value)
		if between == "," {
			dst = append(dst, ']')
		}
	}
	return append(dst, end...)
}

// plainKeys reports whether a map can be a JSON object: all keys are text, and
// it cannot be mistaken for one of the $ forms.
func plainKeys(pairs []can.Pair) bool {
	for _, p := range pairs {
		if p.Key.Tag != can.TagText || (len(pairs) == 1 && strings.HasPrefix(string(p.Key.Bytes), "$")) {
			return false
		}
	}
	return true
}
