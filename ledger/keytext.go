package ledger

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// KeyText is an idempotency key for people: the key itself if it is UTF-8, otherwise "hex:" and its bytes in hex. A key
// may hold any bytes, so quote control characters before printing one on a terminal.
func KeyText(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return "hex:" + hex.EncodeToString(key)
}

// KeyHex is the key in hex if KeyText is not the key itself, and otherwise empty.
func KeyHex(key []byte) string {
	if KeyText(key) == string(key) {
		return ""
	}
	return hex.EncodeToString(key)
}

// ParseKeyHex reads the "hex:" form of KeyText.
func ParseKeyHex(text string) ([]byte, bool) {
	digits, found := strings.CutPrefix(text, "hex:")
	key, err := hex.DecodeString(digits)
	return key, found && err == nil && len(key) > 0
}
