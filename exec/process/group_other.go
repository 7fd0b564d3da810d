//go:build !unix

package process

import (
	"fmt"
	"os"
	osexec "os/exec"
)

// Without process groups only the program itself is killed, by os/exec.
func ownGroup(*osexec.Cmd) {}

func killGroup(int) {}

func wait(cmd *osexec.Cmd) error { return cmd.Wait() }

func stampOf(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the tool's binary: %w", err)
	}
	return fmt.Sprint(st.Size(), st.ModTime().UnixNano()), nil
}
