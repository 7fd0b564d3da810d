package asm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object/can"
)

// extra is a field of a bundle that the text cannot express otherwise: an unknown field, or an optional one that is
// present and empty. It appears in the text as .extra "PATH" x"KEY VALUE", and is part of every id.
type extra struct {
	path []step
	pair can.Pair
}

// step leads from a value into one of its parts.
type step struct {
	list bool
	n    uint64 // position in a list, or unsigned key of a map
}

func (s step) String() string {
	if s.list {
		return fmt.Sprintf("[%d]", s.n)
	}
	return strconv.FormatUint(s.n, 10)
}

func pathString(path []step) string {
	parts := make([]string, len(path))
	for i, s := range path {
		parts[i] = s.String()
	}
	return strings.Join(parts, "/")
}

// parseExtra reads a path like "8/1/[3]" and the encoded key and value.
func parseExtra(path string, pair []byte) (x extra, err error) {
	for _, part := range strings.Split(path, "/") {
		if path == "" {
			break
		}
		digits, list := strings.CutPrefix(part, "[")
		if list {
			digits = strings.TrimSuffix(digits, "]")
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			return x, fmt.Errorf("%q is not a path like 8/1/[3]", path)
		}
		x.path = append(x.path, step{list, n})
	}
	r := can.NewReader(pair)
	if x.pair.Key, err = r.Value(); err != nil {
		return x, err
	}
	if x.pair.Value, err = r.Value(); err != nil {
		return x, err
	}
	return x, r.End()
}

// addExtras inserts extra fields into encoded bytes.
func addExtras(raw []byte, extras []extra) ([]byte, error) {
	if len(extras) == 0 {
		return raw, nil
	}
	v, err := can.Parse(raw)
	if err != nil {
		return nil, err
	}
	for _, x := range extras {
		at := find(&v, x.path)
		if at == nil || at.Tag != can.TagMap {
			return nil, fmt.Errorf("extra field: there is no struct at %q", pathString(x.path))
		}
		at.Pairs = append(at.Pairs, x.pair)
	}
	return v.Append(nil)
}

func find(v *can.Value, path []step) *can.Value {
	for _, s := range path {
		if s.list {
			if v.Tag != can.TagList || s.n >= uint64(len(v.List)) {
				return nil
			}
			v = &v.List[s.n]
			continue
		}
		i := slices.IndexFunc(v.Pairs, func(p can.Pair) bool { return p.Key.Tag == can.TagUint && p.Key.Uint == s.n })
		if i < 0 {
			return nil
		}
		v = &v.Pairs[i].Value
	}
	return v
}

// errDifferent means that bytes differ in more than additional fields.
var errDifferent = errors.New("values differ")

// findExtras returns the fields of want that have lacks.
func findExtras(have, want []byte) ([]extra, error) {
	if bytes.Equal(have, want) {
		return nil, nil
	}
	h, err := can.Parse(have)
	if err != nil {
		return nil, err
	}
	w, err := can.Parse(want)
	if err != nil {
		return nil, err
	}
	return diff(nil, nil, h, w)
}

func diff(out []extra, path []step, have, want can.Value) ([]extra, error) {
	path = slices.Clip(path)
	switch {
	case have.Tag != want.Tag || have.Uint != want.Uint || have.Int != want.Int || !bytes.Equal(have.Bytes, want.Bytes) || len(have.List) != len(want.List):
		return nil, fmt.Errorf("%w at %q", errDifferent, pathString(path))
	case have.Tag == can.TagMap:
		return diffMap(out, path, have, want)
	}
	var err error
	for i := range have.List {
		if out, err = diff(out, append(path, step{true, uint64(i)}), have.List[i], want.List[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// diffMap walks two parsed maps, whose pairs are in ascending order.
func diffMap(out []extra, path []step, have, want can.Value) ([]extra, error) {
	i := 0
	var err error
	for _, w := range want.Pairs {
		if i == len(have.Pairs) || !sameKey(have.Pairs[i].Key, w.Key) {
			out = append(out, extra{path, w})
			continue
		}
		if out, err = diff(out, append(path, step{n: w.Key.Uint}), have.Pairs[i].Value, w.Value); err != nil {
			return nil, err
		}
		i++
	}
	if i < len(have.Pairs) {
		return nil, fmt.Errorf("%w at %q", errDifferent, pathString(path))
	}
	return out, nil
}

func sameKey(a, b can.Value) bool {
	return a.Tag == b.Tag && a.Uint == b.Uint && bytes.Equal(a.Bytes, b.Bytes)
}
