package object_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// TestBareTexts: every character, as a whole document, gives the same bytes back, read as
// JSON and as YAML.
func TestBareTexts(t *testing.T) {
	for r := rune(0); r <= 0x10ffff; r++ {
		if !utf8.ValidRune(r) || r > 0x3000 && r < 0xff00 || r > 0x10100 && r%4099 != 0 {
			continue
		}
		raw, err := can.AppendText(nil, "a"+string(r)+"b")
		if err != nil {
			t.Fatal(err)
		}
		view, err := object.ToJSON(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func(*can.Type, []byte) ([]byte, error){"text": object.FromText, "YAML": object.FromYAML} {
			if back, err := read(nil, view); err != nil || !bytes.Equal(back, raw) {
				t.Fatalf("U+%04X, %s as %s: %x, %v", r, view, name, back, err)
			}
		}
	}
}

// TestViewRefuses: the view refuses what it would have to replace or guess.
func TestViewRefuses(t *testing.T) {
	for _, text := range []string{
		`"\ud800"`, `"\udc00"`, `["\ud800x"]`, `{"\udfff":1}`, `"\ud800\ud800"`, `"\ud800A"`, "\"\xff\"", "[\"a\xc3\"]",
		`-0`, `[-0]`, `007`, `-01`, `+5`, `1e3`, `1.0`, `{"$i":"007"}`, `{"$u":"+5"}`, `{"$i":"-0"}`, `{"$u":""}`,
	} {
		if raw, err := object.FromText(nil, []byte(text)); err == nil {
			t.Errorf("%q gives %x", text, raw)
		}
	}
	if _, err := object.FromText(can.TypeOf(reflect.TypeFor[object.Signature]()), []byte(fmt.Sprintf(`{"alg":%s,"sig_bytes":"%0128d"}`, "01", 0))); err == nil {
		t.Error("a number with a leading zero in a struct")
	}
	for text, want := range map[string]string{`"\ud83d\ude00"`: "0604f09f9880", `5`: "0305", ` -5 `: "0409", `true`: "02", `null`: "00", "a: 1": "080106016103" + "01", "\"\\u0085\"": "0602c285"} {
		if raw, err := object.FromText(nil, []byte(text)); err != nil || fmt.Sprintf("%x", raw) != want {
			t.Errorf("%s gives %x, expected %s: %v", text, raw, want, err)
		}
	}
}
