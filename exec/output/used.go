package output

import (
	"bytes"
	"fmt"
	"strings"
)

// usedLine is how a tool says what it used (spec/tools.md#use), and how the notes of a
// receipt do (spec/effects.md#notes): a receipt has no fields for it, yet a replay must spend
// what the first run spent.
const usedLine = "used tokens=%d gpu_ms=%d"

// WithUse are notes whose first line says what was used, where that is anything, or where
// the notes could be mistaken for it.
func WithUse(notes string, tokens, gpuMs uint64) string {
	if tokens == 0 && gpuMs == 0 && !strings.HasPrefix(notes, "used ") {
		return notes
	}
	return strings.TrimSuffix(fmt.Sprintf(usedLine+"\n", tokens, gpuMs)+notes, "\n")
}

// Used reads the first line of such notes; zeros where it says nothing.
func Used(notes string) (tokens, gpuMs uint64) {
	first, _, _ := strings.Cut(notes, "\n")
	if n, err := fmt.Sscanf(first, usedLine, &tokens, &gpuMs); n != 2 || err != nil {
		return 0, 0
	}
	return tokens, gpuMs
}

// Reported is what a tool says that it used: the last line of said, when it is
// "used tokens=N gpu_ms=N" and nothing else; else nothing.
func Reported(said []byte) (tokens, gpuMs uint64) {
	said = bytes.TrimRight(said, "\r\n")
	line := string(said[bytes.LastIndexByte(said, '\n')+1:])
	tokens, gpuMs = Used(line)
	if line != fmt.Sprintf(usedLine, tokens, gpuMs) {
		return 0, 0
	}
	return tokens, gpuMs
}
