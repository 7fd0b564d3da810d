package process_test

import (
	"bytes"
	"os"
	osexec "os/exec"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/object"
)

// BenchmarkForkExec is the lower bound of a process tool: start the program, pass its request and wait for it.
func BenchmarkForkExec(b *testing.B) {
	cat := catPath(b)
	for b.Loop() {
		var out bytes.Buffer
		c := osexec.Command(cat)
		c.Stdin, c.Stdout, c.Stderr = bytes.NewReader([]byte("hello")), &out, &bytes.Buffer{}
		if err := c.Run(); err != nil || out.String() != "hello" {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnconfined(b *testing.B) { benchRunner(b, exec.ConfineNone) }

func BenchmarkConfined(b *testing.B) {
	if process.Confinable() != nil {
		b.Skip("this kernel cannot confine")
	}
	benchRunner(b, exec.ConfineLandlock)
}

func catPath(b *testing.B) string {
	b.Helper()
	cat, err := osexec.LookPath("cat")
	if err != nil {
		b.Skip("no cat here")
	}
	return cat
}

func benchRunner(b *testing.B, confinement string) {
	cat := catPath(b)
	raw, err := os.ReadFile(cat)
	if err != nil {
		b.Fatal(err)
	}
	hash := object.Sum(raw)
	limits := exec.DefaultLimits()
	limits.Timeout = time.Minute
	call := exec.Call{Tool: object.SumText("cat"), Request: []byte("hello"), Limits: limits,
		Module: exec.ModuleRef{Kind: exec.KindProcess, Argv: []string{cat}, ModuleHash: &hash, Confinement: confinement}}
	if confinement == exec.ConfineLandlock {
		call.Module.Read = []string{"/usr", "/lib", "/etc"}
	}
	r := &process.Runner{}
	for b.Loop() {
		res, err := r.Run(b.Context(), call)
		if err != nil || string(res.Body) != "hello" {
			b.Fatal(res, err)
		}
	}
}
