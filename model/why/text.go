package why

import (
	"encoding/json"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// OneLine prevents foreign text from controlling the terminal.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// who names an agent briefly: its hint, or the start of its key.
func who(a object.AgentID) string {
	if a.Hint == "" {
		return a.KeyHex()[:16]
	}
	return OneLine(a.Hint)
}

// JSON is the tree as one document.
func (n *Node) JSON() ([]byte, error) { return json.MarshalIndent(n, "", "  ") }
