// Command hello is a minimal cobra program, with which start-up is compared.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "hello"}
	root.AddCommand(&cobra.Command{Use: "version", Run: func(*cobra.Command, []string) { fmt.Println("hello 1.0") }})
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
