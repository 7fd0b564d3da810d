package output

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Use is the use that a tool reports.
type Use struct {
	Tokens uint64  // of a language model
	GPUms  uint64  // milliseconds
	Cost   *uint64 // in the smallest unit of the currency; nil: not reported
}

// The format of reported use (spec/tools.md#use), also in the notes of a receipt (spec/effects.md#notes): a receipt has
// no fields for it, but a replay must spend what the first run spent.
const (
	usedWord = "used"
	tokens   = "tokens"
	gpuMs    = "gpu_ms"
	cost     = "cost"
	charged  = "charged"
)

// WithUse returns notes whose first line states the use and the charge beside the call. The line is there if either is
// not zero, or if the notes could be mistaken for such a line.
func WithUse(notes string, u Use, price uint64) string {
	if u == (Use{}) && price == 0 && !strings.HasPrefix(notes, usedWord+" ") {
		return notes
	}
	line := fmt.Sprintf("%s %s=%d %s=%d", usedWord, tokens, u.Tokens, gpuMs, u.GPUms)
	if u.Cost != nil {
		line += fmt.Sprintf(" %s=%d", cost, *u.Cost)
	}
	if price > 0 {
		line += fmt.Sprintf(" %s=%d", charged, price)
	}
	return strings.TrimSuffix(line+"\n"+notes, "\n")
}

// Used reads the first line of such notes; zero if it states nothing.
func Used(notes string) (u Use, price uint64) {
	first, _, _ := strings.Cut(notes, "\n")
	said := numbers(first, tokens, gpuMs, cost, charged)
	if said[tokens] == nil || said[gpuMs] == nil {
		return Use{}, 0
	}
	if said[charged] != nil {
		price = *said[charged]
	}
	return Use{*said[tokens], *said[gpuMs], said[cost]}, price
}

// Reported is the use that a tool reports: the last line of said, if it is exactly "used" and one or more of tokens=N,
// gpu_ms=N and cost=N in this order; otherwise zero.
func Reported(said []byte) (u Use) {
	said = bytes.TrimRight(said, "\r\n")
	list := numbers(string(said[bytes.LastIndexByte(said, '\n')+1:]), tokens, gpuMs, cost)
	if n := list[tokens]; n != nil {
		u.Tokens = *n
	}
	if n := list[gpuMs]; n != nil {
		u.GPUms = *n
	}
	u.Cost = list[cost]
	return u
}

// numbers returns the numbers of a line that is "used" and one or more of NAME=N in the order of the names; nil for any
// other line.
func numbers(line string, names ...string) map[string]*uint64 {
	words := strings.Split(line, " ")
	if words[0] != usedWord || len(words) == 1 {
		return nil
	}
	found := make(map[string]*uint64, len(names))
	for _, word := range words[1:] {
		name, digits, _ := strings.Cut(word, "=")
		for len(names) > 0 && names[0] != name {
			names = names[1:]
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if len(names) == 0 || err != nil || strconv.FormatUint(n, 10) != digits {
			return nil
		}
		names, found[name] = names[1:], &n
	}
	return found
}
