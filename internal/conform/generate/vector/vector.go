// Package vector writes files of golden vectors (spec/vectors/README.md), and defines the agents and the time that
// their inputs share.
package vector

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/conform/cite"
	"github.com/mythos-project/mythos/internal/conform/golden"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// The agents of the vectors, and a tool.
var (
	Alice = input.Key("alice")
	Bob   = input.Key("bob")
	Carol = input.Key("carol")
	Tool  = object.SumText("tool:sample")
)

// Times of the vectors, in microseconds.
const (
	Start  int64 = 1_790_000_000_000_000 // 2026-09-21
	Minute int64 = 60_000_000
)

// Set is a file of vectors under construction.
type Set struct {
	Class string // and the name of the file
	About string
	cases []one
}

type one struct {
	id string
	in any
}

// Fields is a JSON object under construction.
type Fields = map[string]any

// Add appends a vector.
func (s *Set) Add(id string, in any) { s.cases = append(s.cases, one{id, in}) }

// Addf appends a vector whose id is made from a format.
func (s *Set) Addf(in any, format string, args ...any) { s.Add(fmt.Sprintf(format, args...), in) }

// Sort orders the vectors so far by their ids.
func (s *Set) Sort() {
	slices.SortStableFunc(s.cases, func(a, b one) int { return cmp.Compare(a.id, b.id) })
}

// Hex is the form of bytes in inputs.
func Hex(b []byte) string { return fmt.Sprintf("%x", b) }

// Ptr returns a pointer to a value, for optional fields.
func Ptr[T any](v T) *T { return &v }

// Issue makes a root capability for an hour, delegable unless change says otherwise.
func Issue(s, to sign.Signer, what scope.Scope, change func(*caps.Draft)) caps.Chain {
	d := caps.Draft{Subject: to.Agent(), Scope: Must(scope.New(what)), NotBefore: object.Time(Start), ExpiresAt: object.Time(Start + 60*Minute), Delegable: true}
	if change != nil {
		change(&d)
	}
	return caps.Chain{Must(caps.Issue(s, d))}
}

// View is the JSON view of a struct.
func View(kind string, v any) json.RawMessage {
	return Must(object.ToJSON(Must(input.Struct(kind)).Type(), Must(can.Marshal(v))))
}

// Must panics on an error in inputs that the generator itself makes.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Write computes every output and writes the file, one vector per line.
func (s *Set) Write(dir string) error {
	kept := s.kept(filepath.Join(dir, s.Class+".json"))
	var b bytes.Buffer
	class, err := compact(s.Class)
	if err != nil {
		return err
	}
	about, err := compact(s.About)
	if err != nil {
		return err
	}
	fmt.Fprintf(&b, "{\"class\":%s,\n\"about\":%s,\n\"vectors\":[\n", class, about)
	seen := map[string]bool{}
	for i, c := range s.cases {
		if seen[c.id] {
			return fmt.Errorf("vector %s is there twice", c.id)
		}
		seen[c.id] = true
		in, err := compact(c.in)
		if err != nil {
			return fmt.Errorf("%s: %w", c.id, err)
		}
		out := kept[string(in)]
		if out == nil {
			if out, err = golden.Compute(s.Class, in); err != nil {
				return fmt.Errorf("%s: %w", c.id, err)
			}
		}
		id, err := compact(c.id)
		if err != nil {
			return err
		}
		rule := cite.Rule(s.Class, c.id, out)
		if rule == "" {
			return fmt.Errorf("%s is about no rule", c.id)
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "{\"id\":%s,\"rule\":%q,\"in\":%s,\"out\":%s}", id, rule, in, out)
	}
	b.WriteString("\n]}\n")
	return os.WriteFile(filepath.Join(dir, s.Class+".json"), b.Bytes(), 0o644)
}

// kept returns the file's own outputs for the largest blobs, by input: hashing them takes half a minute, and `mythos
// conformance` does it anyway.
func (s *Set) kept(file string) map[string]json.RawMessage {
	var old golden.Set
	data, err := os.ReadFile(file)
	if s.Class != "blobs" || err != nil || json.Unmarshal(data, &old) != nil {
		return nil
	}
	kept := map[string]json.RawMessage{}
	for _, v := range old.Vectors {
		var in struct{ Size uint64 }
		if json.Unmarshal(v.In, &in) == nil && in.Size > 64<<20 {
			kept[string(v.In)] = v.Out
		}
	}
	return kept
}

// compact is one line of JSON, as it is read: without HTML escapes.
func compact(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// ReplaceField is an object with another value in a field.
func ReplaceField(raw []byte, num uint64, value can.Value) []byte {
	v := Must(can.Parse(raw))
	for i, p := range v.Pairs {
		if p.Key.Uint == num {
			v.Pairs[i].Value = value
		}
	}
	return Must(v.Append(nil))
}
