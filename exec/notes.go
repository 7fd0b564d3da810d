package exec

import (
	"bytes"
	"fmt"
	"strings"
)

// A receipt has no fields for what a tool reports to have used, yet a replay must
// spend what the first run spent. The first line of the notes therefore says
// "used tokens=N gpu_ms=N" whenever either is above zero, or the
// notes could be mistaken for it (spec/effects.md#notes).
const usedLine = "used tokens=%d gpu_ms=%d"

func notesOf(res Response) string {
	if res.Tokens == 0 && res.GPUms == 0 && !strings.HasPrefix(res.Notes, "used ") {
		return res.Notes
	}
	return strings.TrimSuffix(fmt.Sprintf(usedLine+"\n", res.Tokens, res.GPUms)+res.Notes, "\n")
}

func usedOf(notes *string) (tokens, gpuMs uint64) {
	if notes == nil {
		return 0, 0
	}
	first, _, _ := strings.Cut(*notes, "\n")
	if n, err := fmt.Sscanf(first, usedLine, &tokens, &gpuMs); n != 2 || err != nil {
		return 0, 0
	}
	return tokens, gpuMs
}

// Reported is, for runners, what a tool says that it used (spec/tools.md#use): the last
// line of said, when it is "used tokens=N gpu_ms=N" and nothing else; else nothing.
func Reported(said []byte) (tokens, gpuMs uint64) {
	said = bytes.TrimRight(said, "\r\n")
	line := string(said[bytes.LastIndexByte(said, '\n')+1:])
	tokens, gpuMs = usedOf(&line)
	if line != fmt.Sprintf(usedLine, tokens, gpuMs) {
		return 0, 0
	}
	return tokens, gpuMs
}
