package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// replica is what one process of the server that counts keeps to itself: how it describes its tool, from its
// start on, and which tools it has for the client that it got.
type replica struct {
	description string // empty: it is as all others are
	conditional bool
	able        bool // the client can be asked
	called      bool
}

func newReplica(dir string) *replica {
	_, err := os.Stat(filepath.Join(dir, "conditional"))
	return &replica{description: string(must2(os.ReadFile(filepath.Join(dir, "replica")))), conditional: err == nil}
}

// list is the answer to tools/list; empty: it is asked for something else, or has none of its own.
func (r *replica) list(method string, params json.RawMessage) string {
	switch {
	case method == "initialize":
		r.able = strings.Contains(string(params), `"elicitation"`)
	case method == "tools/call":
		r.called = true
	case method == "tools/list" && r.description != "":
		list := fmt.Sprintf(`{"name":"count","description":%q,"inputSchema":{"type":"object"}},{"name":"Echo","inputSchema":{}}`, r.description)
		if r.conditional && r.able {
			list += `,{"name":"extra","inputSchema":{}}`
		}
		if r.conditional && r.called {
			list += `,{"name":"later","inputSchema":{}}`
		}
		return "[" + list + "]"
	}
	return ""
}
