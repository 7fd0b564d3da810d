package mcptool

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
)

// FuzzMessage: whatever a server sends, the values are parts of it, an answer has a result or an error, and the
// displayed text is harmless.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"x"}]}}`,
		`[{"jsonrpc":"2.0","id":"1","error":{"code":-1,"message":"\u001b[31m"}}]`,
		`{"jsonrpc":"2.0","id":1,"id":2,"result":{}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"structuredContent":1e400,"isError":"no"}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{}},{"name":"a"}],"nextCursor":""}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, m := range parse(line) {
			if m.method == "" && (m.result == nil) == (m.err == nil) {
				t.Fatalf("%q is an answer with both or neither", line)
			}
			if m.number() < 0 {
				t.Fatal("a negative number")
			}
			if m.result != nil {
				checkResult(t, line, m)
			}
			if m.err != nil {
				checkShown(t, output.Visible([]byte(readError(m.err).Error())))
			}
		}
		numberIn(line)
		checkShown(t, output.Visible(line))
	})
}

func checkResult(t *testing.T, line []byte, m message) {
	if !bytes.Contains(line, m.result) {
		t.Fatalf("%q is no part of %q", m.result, line)
	}
	r := readResult(m.result)
	if r.broken != nil && !r.failed {
		t.Fatalf("%q is broken, and a success", m.result)
	}
	r.body()
	r.used()
	_, _, _ = new(catalogue).readPage(m.result)
	res := answer{result: m.result}.response(exec.Call{Limits: exec.Limits{MaxResponse: 64}}, &output.Tail{}, &exchange{})
	if len(res.Body) > 64 || (res.Status == exec.StatusOK) != (!r.failed && r.broken == nil && len(r.body()) <= 64 && !strings.Contains(res.Notes, "input")) {
		t.Fatalf("%q: status %d, %d bytes, %q", m.result, res.Status, len(res.Body), res.Notes)
	}
}

// checkShown checks that text is one line of printable characters.
func checkShown(t *testing.T, text string) {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			t.Fatalf("%U is shown in %q", r, text)
		}
	}
}

// FuzzLines: lines are stored up to the limit, and none is missed.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbcdefghij\nk"), int64(4))
	f.Fuzz(func(t *testing.T, data []byte, limit int64) {
		limit = limit&1023 + 1
		l := output.NewLines(bytes.NewReader(data))
		for range bytes.Count(data, []byte("\n")) {
			line, over, err := l.Next(limit)
			if err != nil || (!over && int64(len(line)) > limit) || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("%q, %v, %v", line, over, err)
			}
		}
		if _, _, err := l.Next(limit); err == nil {
			t.Fatal("there is one more line")
		}
	})
}
