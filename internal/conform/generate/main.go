// Command generate writes the golden vectors of spec/vectors: it makes the inputs
// and lets package conform compute what this implementation makes of them.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/conform/cite"
	"github.com/mythos-project/mythos/internal/conform/golden"
)

// set is one file of vectors under construction.
type set struct {
	name  string
	class string
	about string
	cases []input
}

type input struct {
	id string
	in any
}

func (s *set) add(id string, in any) { s.cases = append(s.cases, input{id, in}) }

// add appends a vector whose id is made from a format.
func (s *set) addf(in any, format string, args ...any) { s.add(fmt.Sprintf(format, args...), in) }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	sets := []*set{structs(), views(), ids(), lists(), blobs(), proofs(), receipts(), signatures(), ledgers(), logs(), bundles(), datasets(), capabilities(), packets(), programs(), refusals(),
		queries(), splits(), quotas(), issuances(), strictnesses(), promotions(), exports(), redactions(), imports(), requests(), frames()}
	for _, s := range sets {
		if err := s.write(os.Args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "generate %s: %v\n", s.name, err)
			os.Exit(1)
		}
	}
}

// write computes every output and writes the file, one vector a line.
func (s *set) write(dir string) error {
	kept := s.kept(filepath.Join(dir, s.name+".json"))
	var b bytes.Buffer
	class, err := compact(s.class)
	if err != nil {
		return err
	}
	about, err := compact(s.about)
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
			if out, err = golden.Compute(s.class, in); err != nil {
				return fmt.Errorf("%s: %w", c.id, err)
			}
		}
		id, err := compact(c.id)
		if err != nil {
			return err
		}
		rule := cite.Rule(s.class, c.id, out)
		if rule == "" {
			return fmt.Errorf("%s is about no rule", c.id)
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "{\"id\":%s,\"rule\":%q,\"in\":%s,\"out\":%s}", id, rule, in, out)
	}
	b.WriteString("\n]}\n")
	return os.WriteFile(filepath.Join(dir, s.name+".json"), b.Bytes(), 0o644)
}

// kept is what the file says about the largest blobs, by input: hashing them takes
// half a minute, and `mythos conformance` does it anyway.
func (s *set) kept(file string) map[string]json.RawMessage {
	var old golden.Set
	data, err := os.ReadFile(file)
	if s.class != "blobs" || err != nil || json.Unmarshal(data, &old) != nil {
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

// must is for inputs that the generator makes itself.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// fields is a JSON object under construction.
type fields = map[string]any

func hexOf(b []byte) string { return fmt.Sprintf("%x", b) }
