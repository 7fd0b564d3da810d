package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// catalogue is the tool list of a server with so many tools, 1,000 per page.
type catalogue struct{ pages []string }

const perPage = 1000

func newCatalogue(n int) catalogue {
	c := catalogue{}
	for from := 0; from < n; from += perPage {
		var page strings.Builder
		page.WriteString(`{"tools":[`)
		for i := from; i < min(n, from+perPage); i++ {
			if i > from {
				page.WriteByte(',')
			}
			page.WriteString(tool(i))
		}
		page.WriteByte(']')
		if from+perPage < n {
			fmt.Fprintf(&page, `,"nextCursor":"%d"`, from/perPage+1)
		}
		c.pages = append(c.pages, page.String()+"}")
	}
	return c
}

// tool is a definition of typical size: half a KiB.
func tool(i int) string {
	return fmt.Sprintf(`{"name":"t%05d","title":"Tool %[1]d","description":"Finds what is filed under number %[1]d, by a text and a range of dates. Answers with the newest first; `+
		`what was closed is left out unless it is asked for.","inputSchema":{"type":"object","properties":{"text":{"type":"string","description":"what to look for"},`+
		`"since":{"type":"string","format":"date"},"limit":{"type":"integer","minimum":1,"maximum":100,"default":20}},"required":["text"],"additionalProperties":false},`+
		`"annotations":{"readOnlyHint":true,"openWorldHint":false}}`, i)
}

// answer returns the result of a request, or an error.
func (c catalogue) answer(method string, params json.RawMessage) string {
	switch method {
	case "initialize":
		return `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"bare","version":"1"}}`
	case "tools/list":
		var p struct{ Cursor string }
		_ = json.Unmarshal(params, &p) // without a cursor it is the first page
		n, _ := strconv.Atoi(p.Cursor)
		if n < len(c.pages) {
			return `"result":` + c.pages[n]
		}
	case "tools/call":
		return `"result":{"content":[{"type":"text","text":"done"}]}`
	}
	return `"error":{"code":-32601,"message":"Method not found"}`
}

type request struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
}

// serveLines is a server that does nothing, as fast as possible.
func serveLines(tools int) error {
	c := newCatalogue(tools)
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriterSize(os.Stdout, 1<<20)
	for {
		line, err := in.ReadSlice('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var r request
		if json.Unmarshal(line, &r) == nil && r.ID != nil {
			fmt.Fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":%s,%s}\n", r.ID, c.answer(r.Method, r.Params))
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// ServeHTTP is the same over HTTP, without sessions.
func (c catalogue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m request
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&m) != nil {
		http.Error(w, "POST is expected", http.StatusMethodNotAllowed)
		return
	}
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, c.answer(m.Method, m.Params))
}
