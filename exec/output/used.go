package output

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Use is what a tool says that it used.
type Use struct {
	Tokens uint64  // of a language model
	GPUms  uint64  // milliseconds
	Cost   *uint64 // in the smallest unit of what prices are in; nil: it says nothing of it
}

// How a tool says what it used (spec/tools.md#use), and how the notes of a receipt do
// (spec/effects.md#notes): a receipt has no fields for it, yet a replay must spend what the
// first run spent.
const (
	usedWord = "used"
	tokens   = "tokens"
	gpuMs    = "gpu_ms"
	cost     = "cost"
	charged  = "charged"
)

// WithUse are notes whose first line says what was used, and what the effect was charged beside its call, where that is
// anything, or where the notes could be mistaken for it.
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

// Used reads the first line of such notes; nothing where it says nothing.
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

// Reported is what a tool says that it used: the last line of said, when it is "used" and
// one or more of tokens=N, gpu_ms=N and cost=N in this order, and nothing else; else nothing.
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

// numbers are those of a line that has "used" and one or more of NAME=N in the order of the
// names; nil: the line is none.
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
