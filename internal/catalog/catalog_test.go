package catalog_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/sample"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/spec/vectors"
)

// samples calls fn with samples of every struct.
func samples(t testing.TB, fn func(s object.Struct, raw []byte)) {
	t.Helper()
	for _, s := range catalog.All() {
		for _, o := range []sample.Options{{}, {Minimal: true}, {Variant: 3}} {
			raw, err := sample.Object(s, o)
			if err != nil {
				t.Fatal(err)
			}
			fn(s, raw)
		}
	}
}

// checkAccepted checks what must hold for every object that a struct accepts: its views, and encoding what was decoded,
// give the same bytes again, unless it had unknown fields.
func checkAccepted(t testing.TB, s object.Struct, raw []byte) {
	t.Helper()
	for name, view := range map[string]struct {
		to   func(*can.Type, []byte) ([]byte, error)
		from func(*can.Type, []byte) ([]byte, error)
	}{"JSON": {object.ToJSON, object.FromJSON}, "YAML": {object.ToYAML, object.FromYAML}} {
		text, err := view.to(s.Type(), raw)
		if err != nil {
			t.Fatalf("%s as %s: %v", s.Name, name, err)
		}
		if back, err := view.from(s.Type(), text); err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("%s: %s gives %x, expected %x: %v", s.Name, text, back, raw, err)
		}
	}
	if _, err := can.Diagnostic(raw); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	v := reflect.New(s.Type().Go).Interface()
	if err := can.Unmarshal(raw, v); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	again, err := can.Marshal(v)
	if err != nil || len(again) > len(raw) || (len(again) == len(raw) && !bytes.Equal(again, raw)) {
		t.Fatalf("%s: %x encodes as %x: %v", s.Name, raw, again, err)
	}
}

func TestSamplesAreAccepted(t *testing.T) {
	samples(t, func(s object.Struct, raw []byte) { checkAccepted(t, s, raw) })
}

// TestFieldOrder: the order in which the fields of an object are given does not change it, or its id.
func TestFieldOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := catalog.All()
		s := all[rapid.IntRange(0, len(all)-1).Draw(rt, "struct")]
		raw, err := sample.Object(s, sample.Options{Variant: rapid.IntRange(0, 5).Draw(rt, "variant")})
		if err != nil {
			rt.Fatal(err)
		}
		v, err := can.Parse(raw)
		if err != nil {
			rt.Fatal(err)
		}
		shuffle := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		shuffle.Shuffle(len(v.Pairs), func(i, j int) { v.Pairs[i], v.Pairs[j] = v.Pairs[j], v.Pairs[i] })
		again, err := v.Append(nil)
		if err != nil || !bytes.Equal(again, raw) {
			rt.Fatalf("%s: %v", s.Name, err)
		}
		if id, err := s.Rule.ID(raw); err != nil || id != mustID(rt, s, again) {
			rt.Fatalf("%s: %v", s.Name, err)
		}
	})
}

func mustID(t *rapid.T, s object.Struct, raw []byte) object.Hash {
	id, err := s.Rule.ID(raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestSingleByteChanges changes each byte of an object of every struct with an id. The object is refused, has another
// id, or its signature fails; only a name may change, and a signature whose signer is not named in the struct.
func TestSingleByteChanges(t *testing.T) {
	samples(t, func(s object.Struct, raw []byte) {
		if s.Rule.Mask == nil {
			return
		}
		id, err := s.Rule.ID(raw)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			changed := bytes.Clone(raw)
			changed[i] ^= 1 << (i % 8)
			other, err := s.Rule.ID(changed)
			if err != nil || other != id || s.Check(changed) != nil || sign.VerifyOwn(s.Rule, changed) != nil {
				continue
			}
			if !freeToChange(t, s, raw, changed) {
				t.Errorf("%s: bit %d of byte %d may be changed", s.Name, i%8, i)
			}
		}
	})
}

// freeToChange reports whether two objects differ only in what neither id nor signature covers.
func freeToChange(t *testing.T, s object.Struct, a, b []byte) bool {
	t.Helper()
	free := can.Mask{}
	for num, inner := range s.Rule.Mask {
		if num == s.Rule.IDField || (num == s.Rule.Sig && s.Rule.Signer != 0) {
			continue
		}
		free[num] = inner
	}
	x, err := can.Without(a, free)
	if err != nil {
		t.Fatal(err)
	}
	y, err := can.Without(b, free)
	return err == nil && bytes.Equal(x, y)
}

// FuzzStruct decodes any bytes as any struct. The golden vectors are its corpus.
func FuzzStruct(f *testing.F) {
	for _, file := range []string{"structs.json", "must-reject.json"} {
		data, err := fs.ReadFile(vectors.FS, file)
		if err != nil {
			f.Fatal(err)
		}
		var set struct {
			Vectors []struct {
				In  struct{ Struct, Parser, Bytes string }
				Out struct{ Bytes string }
			}
		}
		if err := json.Unmarshal(data, &set); err != nil {
			f.Fatal(err)
		}
		for _, v := range set.Vectors {
			f.Add(v.In.Struct+v.In.Parser, unhex(v.Out.Bytes+v.In.Bytes))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		s, ok := catalog.Lookup(name)
		if !ok || s.Check(data) != nil {
			return
		}
		checkAccepted(t, s, data)
		if err := can.Validate(data); err != nil {
			t.Fatalf("%s accepts what is not canonical: %v", name, err)
		}
	})
}

func unhex(s string) []byte {
	raw, err := hex.DecodeString(s)
	if err != nil {
		return nil // the text of another parser
	}
	return raw
}
