package ledger

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// KeyText is an idempotency key for people: the text that it is, or "hex:" and its bytes in
// hex where it is no UTF-8. A key is any bytes; anyone who prints one on a terminal quotes
// control characters.
func KeyText(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return "hex:" + hex.EncodeToString(key)
}

// KeyHex is the key in hex where KeyText is not the key itself, and else empty.
func KeyHex(key []byte) string {
	if KeyText(key) == string(key) {
		return ""
	}
	return hex.EncodeToString(key)
}

// ParseKeyHex reads what KeyText writes of a key that is no text.
func ParseKeyHex(text string) ([]byte, bool) {
	digits, found := strings.CutPrefix(text, "hex:")
	key, err := hex.DecodeString(digits)
	return key, found && err == nil && len(key) > 0
}
