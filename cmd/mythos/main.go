// Command mythos makes what agents and pipelines do provable.
package main

import (
	"os"

	"github.com/mythos-project/mythos/internal/cli"
)

func main() {
	os.Exit(cli.Main())
}
