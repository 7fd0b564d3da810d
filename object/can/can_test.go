package can_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/object/can"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRefusals lists input that must be refused, with the reason and the offset of
// the fault.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, data string
		reason     error
		offset     int
	}{
		{"empty", "", can.ErrTruncated, 0},
		{"unknown tag", "09", can.ErrTag, 0},
		{"trailing byte", "0000", can.ErrTrailing, 1},
		{"cut integer", "0380", can.ErrTruncated, 1},
		{"over-long integer", "038000", can.ErrVarint, 1},
		{"65 bits", "03ffffffffffffffffff02", can.ErrVarint, 1},
		{"eleven bytes", "0380808080808080808080 8001", can.ErrVarint, 1},
		{"over-long length", "058000", can.ErrVarint, 1},
		{"length beyond the end", "050300 00", can.ErrLength, 1},
		{"huge length", "05ffffffffffffffffff01", can.ErrLength, 1},
		{"count beyond the end", "0702 00", can.ErrLength, 1},
		{"huge count", "08ffffffffffffffffff01", can.ErrLength, 1},
		{"bad UTF-8", "0601ff", can.ErrUTF8, 0},
		{"bad UTF-8 in a key", "0801 0601ff 00", can.ErrUTF8, 2},
		{"keys out of order", "0802 0302 00 0301 00", can.ErrOrder, 5},
		{"key twice", "0802 0301 00 0301 00", can.ErrDuplicate, 5},
		{"numeric order is not encoded order", "0802 038101 00 038002 00", can.ErrOrder, 6},
		{"key out of order in a list", "0701 0802 060162 00 060161 00", can.ErrOrder, 8},
		{"cut list", "0702 0703", can.ErrLength, 3},
	} {
		err := can.Validate(unhex(t, c.data))
		var ce *can.Error
		if !errors.As(err, &ce) || !errors.Is(err, c.reason) || ce.Offset != c.offset {
			t.Errorf("%s: %v, expected offset %d: %v", c.name, err, c.offset, c.reason)
		}
		if _, err := can.Parse(unhex(t, c.data)); !errors.Is(err, c.reason) {
			t.Errorf("%s: Parse: %v", c.name, err)
		}
	}
}

func TestDepth(t *testing.T) {
	for _, c := range []struct {
		depth int
		ok    bool
	}{{1, true}, {64, true}, {65, false}, {10_000, false}} {
		data := append(bytes.Repeat([]byte{7, 1}, c.depth-1), 7, 0)
		if err := can.Validate(data); (err == nil) != c.ok {
			t.Errorf("%d lists inside one another: %v", c.depth, err)
		}
		if v, err := can.Parse(data); c.ok && err == nil {
			if _, err := (can.Value{Tag: can.TagList, List: []can.Value{v}}).Append(nil); (err == nil) != (c.depth < 64) {
				t.Errorf("one more around %d: %v", c.depth, err)
			}
		}
	}
}

// TestSmallInputs tries every input of up to three bytes. Accepted input encodes to the same bytes again.
func TestSmallInputs(t *testing.T) {
	accepted := 0
	check := func(data []byte) {
		v, err := can.Parse(data)
		if (err == nil) != (can.Validate(data) == nil) {
			t.Fatalf("% x: Parse and Validate disagree", data)
		}
		if err != nil {
			return
		}
		accepted++
		again, err := v.Append(nil)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("% x encodes as % x: %v", data, again, err)
		}
	}
	for a := range 256 {
		check([]byte{byte(a)})
		if a > int(can.TagMap) {
			check([]byte{byte(a), 0, 0})
			continue // no such tag: the first byte decides
		}
		for b := range 256 {
			check([]byte{byte(a), byte(b)})
			for c := range 256 {
				check([]byte{byte(a), byte(b), byte(c)})
			}
		}
	}
	if accepted < 1000 {
		t.Fatalf("only %d inputs were accepted", accepted)
	}
}

type inner struct {
	N uint16 `can:"1,n"`
}

// all has every kind of field.
type all struct {
	Bool   bool             `can:"1,bool"`
	U8     uint8            `can:"2,u8"`
	U64    uint64           `can:"129,u64"`
	I64    int64            `can:"256,i64"`
	Text   string           `can:"5,text"`
	Bytes  []byte           `can:"6,bytes"`
	Array  [3]byte          `can:"7,array"`
	List   []inner          `can:"8,list"`
	ByText map[string]int64 `can:"9,by_text"`
	ByNum  map[uint32]inner `can:"10,by_num"`
	Opt    *uint64          `can:"11,opt"`
	OptL   []inner          `can:"12,opt_list,optional"`
	Nested *all             `can:"13,nested"`
	Zero   string           `can:"14,zero,omitzero"`
}

func drawAll(t *rapid.T, depth int) all {
	v := all{
		Bool: rapid.Bool().Draw(t, "bool"), U8: rapid.Uint8().Draw(t, "u8"), U64: rapid.Uint64().Draw(t, "u64"), I64: rapid.Int64().Draw(t, "i64"),
		Text: rapid.String().Draw(t, "text"), Bytes: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"), List: []inner{}, ByText: map[string]int64{}, ByNum: map[uint32]inner{},
		Zero: rapid.SampledFrom([]string{"", "z"}).Draw(t, "zero"),
	}
	for _, n := range rapid.SliceOfN(rapid.Uint16(), 0, 4).Draw(t, "list") {
		v.List = append(v.List, inner{n})
		v.ByNum[uint32(n)*77] = inner{n}
		v.ByText[strings.Repeat("k", int(n)%9)] = -int64(n)
	}
	if rapid.Bool().Draw(t, "has opt") {
		v.Opt = &v.U64
		v.OptL = []inner{}
	}
	if depth < 3 && rapid.Bool().Draw(t, "has nested") {
		n := drawAll(t, depth+1)
		v.Nested = &n
	}
	return v
}

func TestStructRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawAll(t, 0)
		raw, err := can.Marshal(&v)
		if err != nil {
			t.Fatal(err)
		}
		if err := can.Validate(raw); err != nil {
			t.Fatalf("% x: %v", raw, err)
		}
		var back all
		if err := can.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(v, back) {
			t.Fatalf("%+v comes back as %+v: %v", v, back, err)
		}
		generic, err := can.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := generic.Append(nil); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("the generic encoder differs: %v", err)
		}
	})
}

func TestStructRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		data   string
		reason error
	}{
		"missing field":    {"0800", can.ErrMissing},
		"text key":         {"0801 060161 0301", can.ErrType},
		"wrong type":       {"0801 0301 0401", can.ErrType},
		"null for a field": {"0801 0301 00", can.ErrType},
		"out of range":     {"0801 0301 03808004", can.ErrRange},
		"bad unknown":      {"0802 0301 0301 0302 038000", can.ErrVarint},
	} {
		if err := can.Unmarshal(unhex(t, c.data), &inner{}); !errors.Is(err, c.reason) {
			t.Errorf("%s: %v, expected %v", name, err, c.reason)
		}
	}
	var v inner
	if err := can.Unmarshal(unhex(t, "0802 0301 0305 0302 0601 61"), &v); err != nil || v.N != 5 {
		t.Errorf("an unknown field: %v", err)
	}
}

// TestWithout cuts fields out of received bytes and keeps everything else, unknown
// fields included.
func TestWithout(t *testing.T) {
	raw := unhex(t, "0803 0301 0305 0302 0701 0802 0301 00 0302 01 0309 060178")
	for want, mask := range map[string]can.Mask{
		"0802 0302 0701 0802 0301 00 0302 01 0309 060178":           {1: nil},
		"0803 0301 0305 0302 0701 0801 0301 00 0309 060178":         {2: {2: nil}},
		"0803 0301 0305 0302 0701 0802 0301 00 0302 01 0309 060178": {77: nil},
		"0801 0309 060178": {1: nil, 2: nil},
	} {
		got, err := can.Without(raw, mask)
		if err != nil || !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("mask %v: % x: %v", mask, got, err)
		}
		if err := can.Validate(got); err != nil {
			t.Error(err)
		}
	}
}

// TestWithoutMany cuts different numbers of fields out of structs. Their sizes are around the point where the count
// takes one byte less; some are inside other structs and lists.
func TestWithoutMany(t *testing.T) {
	fields := func(n, cut int) can.Value {
		v := can.Value{Tag: can.TagMap}
		for i := cut; i < n; i++ {
			v.Pairs = append(v.Pairs, can.Pair{Key: can.Value{Tag: can.TagUint, Uint: uint64(i)}, Value: can.Value{Tag: can.TagUint, Uint: uint64(i)}})
		}
		return v
	}
	wrap := func(v can.Value) []byte {
		inside := can.Value{Tag: can.TagMap, Pairs: []can.Pair{{Key: can.Value{Tag: can.TagUint, Uint: 5}, Value: can.Value{Tag: can.TagList, List: []can.Value{v, v}}}}}
		raw, err := inside.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, n := range []int{0, 1, 126, 127, 128, 129, 260} {
		for _, cut := range []int{0, 1, 2, 100, 260} {
			mask := can.Mask{}
			for i := range cut {
				mask[uint64(i)] = nil
			}
			got, err := can.Without(wrap(fields(n, 0)), can.Mask{5: mask})
			if cut == 0 {
				got, err = can.Without(wrap(fields(n, 0)), can.Mask{77: nil})
			}
			if want := wrap(fields(n, cut)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d of %d fields cut: % x, %v", cut, n, got, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{8, 1, 3, 1, 6, 1, 'x'})
	f.Add([]byte{7, 2, 4, 5, 5, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := can.Parse(data)
		if (err == nil) != (can.Validate(data) == nil) {
			t.Fatal("Parse and Validate disagree")
		}
		if err != nil {
			return
		}
		if again, err := v.Append(nil); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("% x encodes as % x: %v", data, again, err)
		}
	})
}

type even struct {
	N uint8 `can:"1,n"`
}

func (e even) Check() error {
	if e.N%2 != 0 {
		return errOdd
	}
	return nil
}

var errOdd = errors.New("odd")

type evens struct {
	List []even  `can:"1,list,optional"`
	Opt  *uint64 `can:"2,opt"`
	One  *even   `can:"3,one"`
}

type evensByText struct {
	Map map[string]even `can:"2,map"`
}

// TestRules decodes values that break their own rules: the error has the offset
// and the path of the value.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		data, path string
		offset     int
	}{
		{"0801 0301 0702 0801 0301 0302 0801 0301 0303", "list[1]", 12},
		{"0801 0303 0801 0301 0303", "one", 4},
		{"0801 0303 0801 0301 038101", "one", 4}, // not of the usual length
	} {
		var v evens
		err := can.Unmarshal(unhex(t, c.data), &v)
		var ce *can.Error
		if !errors.As(err, &ce) || !errors.Is(err, errOdd) || !errors.Is(err, can.ErrInvalid) || ce.Path != c.path || ce.Offset != c.offset {
			t.Errorf("%s: %v", c.data, err)
		}
		if err := can.UnmarshalUnchecked(unhex(t, c.data), &v); err != nil {
			t.Error(err)
		}
		if err := can.Check(&v); !errors.Is(err, errOdd) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("Check: %v", err)
		}
	}
	var m evensByText
	if err := can.Unmarshal(unhex(t, "0801 0302 0801 060178 0801 0301 0303"), &m); !errors.Is(err, errOdd) || !strings.Contains(err.Error(), "map[x]") {
		t.Error(err)
	}
	var v evens
	if err := can.Unmarshal(unhex(t, "0801 0301 0702 0801 0301 0302 0801 0301 060161"), &v); err == nil || !strings.Contains(err.Error(), "list[1].n") {
		t.Error(err)
	}
}

func TestDiagnostic(t *testing.T) {
	raw := unhex(t, "0804 0301 0702 00 02 0302 0405 0303 0406 0600 050200ff")
	got, err := can.Diagnostic(raw)
	if want := `{1: [null, true], 2: -3, 3: +3, "": h'00ff'}`; err != nil || got != want {
		t.Errorf("%s: %v", got, err)
	}
	long, err := can.Marshal(&struct {
		Names []string `can:"1,names"`
	}{[]string{strings.Repeat("a", 50), strings.Repeat("b", 50)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err = can.Diagnostic(long)
	want := "{\n  1: [\n    \"" + strings.Repeat("a", 50) + "\",\n    \"" + strings.Repeat("b", 50) + "\",\n  ],\n}"
	if err != nil || got != want {
		t.Errorf("%s: %v", got, err)
	}
	if _, err := can.Diagnostic(raw[1:]); err == nil {
		t.Error("bad input is rendered")
	}
}
