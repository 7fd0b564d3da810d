package ingest

import (
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"strings"
	"testing"
)

// FuzzMapping: any mapping reads any line, and every record is complete.
func FuzzMapping(f *testing.F) {
	f.Add([]byte(mapping), `{"q":["why"],"a/b":"because","score":2}`)
	f.Add([]byte("input: /a\noutput: /b\n---\ninput: /c\n"), `{"a":1,"b":2}`)
	f.Add([]byte("input: \"\"\noutput: /~1\ncalls: {each: /c, tool: /t}\n"), `{"c":[{"t":"x"}]}`)
	f.Fuzz(func(t *testing.T, text []byte, line string) {
		m, err := ParseMapping(text)
		if err != nil {
			return
		}
		h := &foreigntest.Hearer{}
		_ = m.Read(strings.NewReader(line), h)
		for _, r := range h.List {
			checkRecord(t, m, r)
		}
	})
}
