package dataset

import (
	"bytes"
	"errors"
	"testing"
)

// TestRedactionRulesAreWhole: rules that would be left out, or say nothing, are refused.
func TestRedactionRulesAreWhole(t *testing.T) {
	key := bytes.Repeat([]byte("k"), MinRedactKey)
	for _, text := range []string{
		"- {pointer: /a}\n---\n- {pointer: /b}\n", "- {pointer: /a, of: }\n", "- {pointer: /a, tool: null}\n", "- &x {pointer: /a}\n- *x\n",
		"- {pointer: /a, pointer: /b}\n", "- {Pointer: /a}\n", "{pointer: /a}\n", "- [pointer]\n", "", "null\n",
	} {
		if _, err := ParseRedaction([]byte(text), key); !errors.Is(err, ErrRedaction) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
