package golden

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
)

// TestSingleByteChangesAreRefused changes each byte of what the golden vectors say is valid: packets, capabilities,
// receipts and proofs, including the nodes in them. Every change is refused.
func TestSingleByteChangesAreRefused(t *testing.T) {
	sets := vectorsHere(t)
	for _, c := range []struct {
		file, id string
		change   func(in map[string]any) (*string, func(string))
	}{
		{"packets.json", "codec 1", member("packet")},
		{"packets.json", "codec 2", member("packet")},
		{"packets.json", "signed by two", member("packet")},
		{"packets.json", "a negotiated codebook", member("packet")},
		{"packets.json", "encrypted to the receiver", member("packet")},
		{"receipts.json", "keyed", member("bytes")},
		{"proofs.json", "value", member("proof")},
		{"proofs.json", "chunk 0", member("proof")},
		{"proofs.json", "chunk 2", member("chunk")},
		{"capabilities.json", "a child with less", item("chain", 0)},
		{"capabilities.json", "a child with less", item("chain", 1)},
	} {
		set := sets[c.file]
		for _, v := range set.Vectors {
			if v.ID != c.id {
				continue
			}
			if bytes.Contains(v.Out, []byte("refused")) {
				t.Fatalf("%s is refused already", v.ID)
			}
			changeEach(t, set.Class, v, c.change)
		}
	}
}

func member(name string) func(map[string]any) (*string, func(string)) {
	return func(in map[string]any) (*string, func(string)) {
		text, ok := in[name].(string)
		if !ok {
			return nil, nil
		}
		return &text, func(s string) { in[name] = s }
	}
}

func item(name string, i int) func(map[string]any) (*string, func(string)) {
	return func(in map[string]any) (*string, func(string)) {
		list, ok := in[name].([]any)
		if !ok || i >= len(list) {
			return nil, nil
		}
		text := list[i].(string)
		return &text, func(s string) { list[i] = s }
	}
}

// changeEach flips a bit in each byte of a hex member.
func changeEach(t *testing.T, class string, v Vector, change func(map[string]any) (*string, func(string))) {
	t.Helper()
	var in map[string]any
	if err := json.Unmarshal(v.In, &in); err != nil {
		t.Fatal(err)
	}
	text, set := change(in)
	if text == nil {
		t.Fatalf("%s has no such member", v.ID)
	}
	good, err := hex.DecodeString(*text)
	if err != nil || len(good) < 10 {
		t.Fatalf("%s: %d bytes: %v", v.ID, len(good), err)
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(good); i += step {
		changed := bytes.Clone(good)
		changed[i] ^= 1 << (i % 8)
		encoded, err := input.Hex(changed).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		set(string(encoded))
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := Compute(class, raw)
		if err != nil || !bytes.Contains(out, []byte(`"refused"`)) {
			t.Errorf("%s/%s: bit %d of byte %d may be changed: %s %v", class, v.ID, i%8, i, out, err)
		}
	}
}
