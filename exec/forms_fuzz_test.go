package exec

import (
	"bytes"
	"fmt"
	"testing"
)

// FuzzProbed: an answer of a probe that is understood says whether it happened, and one body.
func FuzzProbed(f *testing.F) {
	for _, s := range []string{`{"happened":true}`, `{"happened":false,"status":200}`, `{"Happened":true}`, `{"happened":true,"happened":false}`, `{"happened":null}`, `{"happened":true,"response":"x","body":"eA=="}`, "{\"happened\":true}\n{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parseProbed(Outcome{Status: StatusOK, Body: body})
		if err == nil && (p.Happened == nil || p.Status == 0 || (p.Response != "" && p.Body != nil) || !bytes.Contains(body, []byte("happened"))) {
			t.Fatalf("%q is %+v", body, p)
		}
	})
}

// FuzzReported: what a tool says that it used is exactly one line of two numbers, or nothing.
func FuzzReported(f *testing.F) {
	f.Add([]byte("x\nused tokens=1 gpu_ms=2\n"))
	f.Add([]byte("used tokens=01 gpu_ms=2"))
	f.Add([]byte("used tokens=99999999999999999999 gpu_ms=0"))
	f.Fuzz(func(t *testing.T, said []byte) {
		tokens, gpu := Reported(said)
		if (tokens != 0 || gpu != 0) && !bytes.Contains(said, fmt.Appendf(nil, "used tokens=%d gpu_ms=%d", tokens, gpu)) {
			t.Fatalf("%q reports %d and %d", said, tokens, gpu)
		}
	})
}
