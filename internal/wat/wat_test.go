package wat

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// every is a module with each kind of instruction that the assembler knows.
const every = `(module
  (import "m" "f" (func $f (param i32 i64) (result i32)))
  (memory (export "memory") 2) ;; a comment
  (func $g (export "g") (param $a i32) (result i32) (local $x i64) (local $y i64) (local $z f64)
    (block $out
      (loop $again
        (br_if $out (i32.eqz (local.get $a)))
        (local.set $a (i32.sub (local.get $a) (i32.const 1)))
        (br $again)))
    (if (i32.lt_s (local.get $a) (i32.const -129)) (then nop_) (else (drop (i64.load offset=300 (i32.const 0xffffffff)))))
    (i64.const -9223372036854775808) local.set $x
    i32.const 7 i64.const 64 call $f))`

// TestBytes: a small module has the bytes that the format's specification gives.
func TestBytes(t *testing.T) {
	got, err := Assemble(`(module (func $start (export "_start") (local $a i32) (local.set $a (i32.const 128))))`)
	want := "\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x07\x0a\x01\x06_start\x00\x00" +
		"\x0a\x0b\x01\x09\x01\x01\x7f\x41\x80\x01\x21\x00\x0b"
	if err != nil || string(got) != want {
		t.Errorf("%q\n%q, %v", got, want, err)
	}
}

// TestSameAsWabt compares with wat2wasm, if it is installed.
func TestSameAsWabt(t *testing.T) {
	if _, err := osexec.LookPath("wat2wasm"); err != nil {
		t.Skip("wat2wasm is not installed")
	}
	shipped, err := os.ReadFile("../../tools/wordvec/wordvec.wat")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(shipped), strings.Replace(every, "nop_", "(drop (i32.load8_u (i32.const 0)))", 1)} {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in.wat"), filepath.Join(dir, "out.wasm")
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if msg, err := osexec.Command("wat2wasm", in, "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, msg)
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Assemble(text)
		if err != nil || string(got) != string(want) {
			t.Errorf("%x\n%x, %v", got, want, err)
		}
	}
}

// TestRefused: the error for what the assembler does not know names its line.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "one list",
		"(module":               "one list",
		"(module))":             "not opened",
		"(func)":                "(module ...)",
		"(module\n (table 1))":  "line 2",
		"(module (memory x))":   "invalid syntax",
		"(module (import 1 2))": "an import has",
		`(module (func $f) (import "a" "b" (func $g)))`:        "behind a function",
		"(module (func $f) (func $f))":                         "twice",
		"(module (func $f (param $a i33)))":                    "not a type",
		"(module (func $f nop_))":                              "nop_",
		"(module (func $f (nop_)))":                            "nop_",
		"(module (func $f (br $x)))":                           "no $x",
		"(module (func $f (call $x)))":                         "no $x",
		"(module (func $f (local.get $x)))":                    "no $x",
		"(module (func $f (local.get)))":                       "lacks",
		"(module (func $f (drop (i32.const 1) 2)))":            "between operands",
		"(module (func $f (i32.const 4294967296)))":            "out of range",
		"(module (func $f (i32.const 1 2)))":                   "one too many",
		"(module (func $f (i32.load offset=x (i32.const 1))))": "invalid syntax",
		"(module (func $f (if (i32.const 1))))":                "an if has",
		`(module (func (export "a\"b")))`:                      "escape",
	} {
		if _, err := Assemble(text); !errors.Is(err, ErrText) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
