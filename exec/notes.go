package exec

import (
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
