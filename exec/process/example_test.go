package process_test

import (
	"context"
	"fmt"
	osexec "os/exec"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
)

// A registration pins a program by its bytes; the request is its standard input.
func Example() {
	path, err := osexec.LookPath("cat")
	if err != nil {
		fmt.Println(err)
		return
	}
	hash, err := process.HashFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	call := exec.Call{
		Module:  exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &hash, Argv: []string{path}, Confinement: exec.ConfineNone},
		Request: []byte("hello"), Limits: exec.DefaultLimits(),
	}
	var runner process.Runner
	res, err := runner.Run(context.Background(), call)
	fmt.Println(string(res.Body), res.Status, err)
	// Output:
	// hello 200 <nil>
}
