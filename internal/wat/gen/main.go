// Command gen assembles a module: gen FILE.wat FILE.wasm.
package main

import (
	"fmt"
	"os"

	"github.com/mythos-project/mythos/internal/wat"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: gen FILE.wat FILE.wasm")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	module, err := wat.Assemble(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return os.WriteFile(args[1], module, 0o644)
}
