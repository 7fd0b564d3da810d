package wordvec_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/runnertest"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/internal/wat"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/tools/wordvec"
)

// TestFresh: the module is assembled from the present text.
func TestFresh(t *testing.T) {
	text, err := os.ReadFile("wordvec.wat")
	if err != nil {
		t.Fatal(err)
	}
	module, err := wat.Assemble(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(module, wordvec.Module) {
		t.Error("wordvec.wasm is not what wordvec.wat gives: go generate ./tools/wordvec")
	}
}

type one struct{}

func (one) Bytes(context.Context, object.Hash) ([]byte, error) { return wordvec.Module, nil }

// TestModule: the module's answer is that of the rule, bit for bit.
func TestModule(t *testing.T) {
	runner := wasm.New(one{}, wasm.Cache{})
	defer runner.Close(context.Background())
	hash := object.Sum(wordvec.Module)
	check := func(t interface{ Fatalf(string, ...any) }, text []byte) {
		call := runnertest.Call(exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &hash, Confinement: exec.ConfineWASI}, text)
		res, err := runner.Run(context.Background(), call)
		if err != nil || res.Status != exec.StatusOK || len(res.Body) != 4*wordvec.Dim {
			t.Fatalf("%q: status %d, %d bytes, %v", text, res.Status, len(res.Body), err)
		}
		for i, want := range wordvec.Embed(text) {
			if got := binary.LittleEndian.Uint32(res.Body[4*i:]); got != math.Float32bits(want) {
				t.Fatalf("%q: part %d is %v, not %v", text, i, math.Float32frombits(got), want)
			}
		}
	}
	for _, text := range []string{"", " ", "a", "open a connection", "Größe_1\x00\xff", strings.Repeat("word ", 30_000), strings.Repeat("x", 65536), strings.Repeat("x", 65537)} {
		check(t, []byte(text))
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.SliceOf(rapid.Byte()).Draw(t, "text")) })
}

// TestNear: texts that share words are nearer than those that do not, and the length of a vector is 1.
func TestNear(t *testing.T) {
	cos := func(a, b string) (sum float64) {
		x, y := wordvec.Embed([]byte(a)), wordvec.Embed([]byte(b))
		for i := range x {
			sum += float64(x[i]) * float64(y[i])
		}
		return sum
	}
	if got := cos("open a connection", "open a connection"); math.Abs(got-1) > 1e-5 {
		t.Errorf("a text and itself: %v", got)
	}
	near, far := cos("open a connection", "opening connections to a peer"), cos("open a connection", "sort integers by size")
	if near < far+0.2 {
		t.Errorf("near %v, far %v", near, far)
	}
}
