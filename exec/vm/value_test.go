package vm

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// drawValue draws a value of at most depth nodes inside one another.
func drawValue(t *rapid.T, depth int) Value {
	last := 6
	if depth > 0 {
		last = 8
	}
	switch rapid.IntRange(0, last).Draw(t, "kind") {
	case 1:
		return BoolValue(rapid.Bool().Draw(t, "bool"))
	case 2:
		return U64Value(rapid.Uint64().Draw(t, "u64"))
	case 3:
		return I64Value(rapid.Int64().Draw(t, "i64"))
	case 4:
		return BytesValue(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes"))
	case 5:
		return TextValue(rapid.StringN(0, 200, 300).Draw(t, "text"))
	case 6:
		return HashValue(object.Sum(rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "hashed")))
	case 7:
		ids := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 1000), 0, 5, rapid.ID).Draw(t, "ids")
		fields := make([]field, len(ids))
		for i, id := range ids {
			fields[i] = field{id, drawValue(t, depth-1)}
		}
		return must(newRecord(object.SumText("record"), fields))
	case 8:
		items := make([]Value, rapid.IntRange(0, 4).Draw(t, "n"))
		for i := range items {
			items[i] = drawValue(t, depth-1)
		}
		return must(newList(object.SumText("list"), items))
	}
	return Value{}
}

func must(v Value, err error) Value {
	if err != nil {
		panic(err)
	}
	return v
}

// TestValueEncoding: every encoding is canonical, has the announced size, and reads back as an equal value.
func TestValueEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 4)
		raw := v.Encode()
		if int64(len(raw)) != v.Size() {
			t.Fatalf("%d bytes, announced %d", len(raw), v.Size())
		}
		if err := can.Validate(raw); err != nil {
			t.Fatal(err)
		}
		if v.Digest() != object.Sum(raw) {
			t.Fatal("the digest is not that of the encoding")
		}
		back, err := ParseValue(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !back.Equal(v) || !bytes.Equal(back.Encode(), raw) || back.depth() != v.depth() {
			t.Fatal("another value came back")
		}
		other := drawValue(t, 4)
		if v.Equal(other) != bytes.Equal(raw, other.Encode()) {
			t.Fatal("Equal disagrees with the encodings")
		}
	})
}

// TestDigestOfLongBytes: bytes that are not copied have the same digest.
func TestDigestOfLongBytes(t *testing.T) {
	for _, n := range []int{0, 1, ir.MaxInline, ir.MaxInline + 1, 1 << 20} {
		for _, v := range []Value{BytesValue(make([]byte, n)), TextValue(strings.Repeat("x", n))} {
			if v.Digest() != object.Sum(v.Encode()) {
				t.Errorf("%s of %d bytes: the digest is not that of the encoding", v.Kind(), n)
			}
		}
	}
}

func FuzzParseValue(f *testing.F) {
	f.Add([]byte{can.TagNull})
	f.Add(HashValue(object.SumText("x")).Encode())
	f.Add(must(newList(object.SumText("l"), []Value{U64Value(1), must(newRecord(object.SumText("r"), []field{{256, TextValue("a")}, {129, Value{}}}))})).Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v, err := ParseValue(raw); err == nil && !bytes.Equal(v.Encode(), raw) {
			t.Errorf("%x was read as %x", raw, v.Encode())
		}
	})
}

// TestValueBounds: sharing cannot make a value whose encoding exceeds the bounds.
func TestValueBounds(t *testing.T) {
	id := object.SumText("list")
	v, err := U64Value(1), error(nil)
	for range 100 {
		var next Value
		if next, err = newList(id, []Value{v, v}); err != nil {
			break
		}
		v = next
	}
	if err != errTooLarge {
		t.Errorf("doubling: %v", err)
	}
	v = U64Value(1)
	for i := range 100 {
		var next Value
		if next, err = newList(id, []Value{v}); err != nil {
			if i != MaxValueDepth/nodeDepth {
				t.Errorf("refused at depth %d", i)
			}
			break
		}
		v = next
	}
	if err != errTooDeep {
		t.Errorf("nesting: %v", err)
	}
	if err := can.Validate(v.Encode()); err != nil {
		t.Errorf("the deepest value: %v", err)
	}
}
