// Package pack has the common parts of the two kinds of conformance vectors: the result of a pack, and the nodes of its
// trees.
package pack

import (
	"errors"
	"strings"
)

// MaxFile bounds a file of a pack, in bytes.
const MaxFile = 64 << 20

// Result is the outcome of one vector.
type Result struct {
	ID    string   `json:"id"`
	Pass  bool     `json:"pass"`
	Error string   `json:"error,omitempty"`
	Notes []string `json:"notes,omitempty"` // where the pack departs from its own text
}

// Report is the outcome of a pack.
type Report struct {
	Pack    string   `json:"pack"`
	Golden  bool     `json:"golden"` // golden vectors, not a pack with a manifest
	Results []Result `json:"results"`
}

// Class counts the golden vectors of one class.
type Class struct {
	Name    string
	Passed  int
	Vectors int
}

// Classes counts golden vectors by class, in the order of the results.
func (r Report) Classes() []Class {
	var out []Class
	for _, v := range r.Results {
		name, _, _ := strings.Cut(v.ID, "/")
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, Class{Name: name})
		}
		c := &out[len(out)-1]
		c.Vectors++
		if v.Pass {
			c.Passed++
		}
	}
	return out
}

// Passed counts the vectors that passed.
func (r Report) Passed() int {
	n := 0
	for _, v := range r.Results {
		if v.Pass {
			n++
		}
	}
	return n
}

// ErrPack means that a folder is not a conformance pack, or has a vector that is not known here.
var ErrPack = errors.New("not a conformance pack")
