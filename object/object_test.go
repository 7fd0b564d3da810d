package object_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// TestPublishedEncodings holds the digests of the public vectors CAN_001 to CAN_003.
func TestPublishedEncodings(t *testing.T) {
	agent, err := object.ParseKey("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c")
	if err != nil {
		t.Fatal(err)
	}
	agent.Hint = "ctvp"
	plain, err := object.FromJSON(nil, []byte(`{"b":2,"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	hash, err := can.Marshal(&object.Hash{Alg: object.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	named, err := can.Marshal(&agent)
	if err != nil {
		t.Fatal(err)
	}
	for want, raw := range map[string][]byte{
		"57732c41f444232c46ed7eb580988820df3fc7b13f2bcd2bd5521b0334b50571": hash,
		"7114686adea2097a7b16d32d5137b2175ad6914b4e03d2fe50ad091a71be690a": named,
		"4672010897413599f0b55c887c0876477dc48a15808eb7a516517820623d91d7": plain,
	} {
		if got := object.Sum(raw).String(); got != want {
			t.Errorf("%x hashes to %s, published is %s", raw, got, want)
		}
	}
}

func structType(name string) *can.Type {
	for _, s := range object.Structs {
		if s.Name == name {
			return s.Type()
		}
	}
	return nil
}

// TestViewsRoundTrip turns bytes into JSON and back, unknown fields included.
func TestViewsRoundTrip(t *testing.T) {
	hash := bytes.Repeat([]byte{7}, 32)
	ref, err := can.Marshal(&object.BlobRef{CID: object.HashOf([32]byte(hash)), Size: 5, Media: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	extended, err := can.MapOf([][2][]byte{
		{can.AppendUint(nil, 1), can.AppendUint(nil, 1)},
		{can.AppendUint(nil, 2), can.AppendBytes(nil, hash)},
		{can.AppendUint(nil, 99), can.AppendInt(nil, 5)},
	})
	if err != nil {
		t.Fatal(err)
	}
	untyped, err := object.FromJSON(nil, []byte(`[1,-2,{"$i":"5"},{"$u":"18446744073709551615"},{"$b":"00ff"},{"$m":[[1,"x"],["a",null]]},{"$x":1,"y":true},"é"]`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		t   *can.Type
		raw []byte
	}{
		"BlobRef": {structType("BlobRef"), ref}, "a hash with another field": {structType("Hash"), extended}, "untyped": {nil, untyped},
	} {
		view, err := object.ToJSON(c.t, c.raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := object.FromJSON(c.t, view)
		if err != nil || !bytes.Equal(back, c.raw) {
			t.Errorf("%s: %s gives % x, expected % x: %v", name, view, back, c.raw, err)
		}
		text, err := object.ToYAML(c.t, c.raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if back, err := object.FromYAML(c.t, text); err != nil || !bytes.Equal(back, c.raw) {
			t.Errorf("%s: %s gives % x, expected % x: %v", name, text, back, c.raw, err)
		}
	}
	for _, bad := range []string{`1.5`, `{"a":1,"a":2}`, `{"$b":"xyz"}`, `[1`, `18446744073709551616`, `{"$q":1}`, `1 2`} {
		if _, err := object.FromJSON(nil, []byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestYAMLRefusals(t *testing.T) {
	for text, reason := range map[string]string{
		"": "no document", "a: 1.5": "no floats", "a: 1\na: 2": "appears twice", "a: &x 1\nb: *x": "aliases", "a: 1\n---\nb: 2": "one document", "? [1]\n: 2": "scalar", "a: [": "line",
	} {
		if _, err := object.FromYAML(nil, []byte(text)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, expected %q", text, err, reason)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]object.Time{
		"1970-01-01T00:00:00.000001Z": 1, "2023-11-14T22:13:20Z": 1700000000000000, "1700000000000000": 1700000000000000, "-5": -5, "2023-11-14": 1699920000000000,
	} {
		if got, err := object.ParseTime(text); err != nil || got != want {
			t.Errorf("%s is %d: %v", text, got, err)
		}
	}
	if got := object.Time(1700000000000000).String(); got != "2023-11-14T22:13:20.000000Z" {
		t.Error(got)
	}
	if _, err := object.ParseTime("soon"); err == nil {
		t.Error("soon is a time")
	}
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2,{"$b":"00"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := object.FromJSON(nil, data)
		if err != nil {
			return
		}
		view, err := object.ToJSON(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := object.FromJSON(nil, view); err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("%s: %v", view, err)
		}
	})
}
