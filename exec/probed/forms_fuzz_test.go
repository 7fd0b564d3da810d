package probed

import (
	"bytes"
	"testing"
)

// FuzzProbed: a valid answer of a probe says whether the effect happened, and has one body.
func FuzzProbed(f *testing.F) {
	for _, s := range []string{`{"happened":true}`, `{"happened":false,"status":200}`, `{"Happened":true}`, `{"happened":true,"happened":false}`, `{"happened":null}`, `{"happened":true,"response":"x","body":"eA=="}`, "{\"happened\":true}\n{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Parse(body)
		if err == nil && (p.Happened == nil || p.Status == 0 || (p.Response != "" && string(p.Body) != p.Response) || !bytes.Contains(body, []byte("happened"))) {
			t.Fatalf("%q is %+v", body, p)
		}
	})
}
