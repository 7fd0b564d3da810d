package ledger

import (
	"bytes"
	"testing"
)

func TestKeyText(t *testing.T) {
	for key, want := range map[string]string{"invoice-7": "invoice-7", "schlüssel": "schlüssel", "": "", "\xff\x00": "hex:ff00", "a\xffb": "hex:61ff62", "a\nb": "a\nb"} {
		text := KeyText([]byte(key))
		if text != want {
			t.Errorf("%q: %q, expected %q", key, text, want)
		}
		back, ok := ParseKeyHex(text)
		if (KeyHex([]byte(key)) != "") != (text != key) || (text != key && (!ok || !bytes.Equal(back, []byte(key)))) {
			t.Errorf("%q: %q, %q", key, KeyHex([]byte(key)), back)
		}
	}
}
