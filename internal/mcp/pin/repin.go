package pin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/object"
)

// Repin returns a server with the present hashes of its files.
func Repin(m exec.ModuleRef) (exec.ModuleRef, error) {
	if m.URL != "" {
		return m, nil
	}
	h, err := process.HashFile(m.Argv[0])
	if err != nil {
		return m, err
	}
	m.ModuleHash = &h
	m.Files = slices.Clone(m.Files)
	for i := range m.Files {
		if m.Files[i].Hash, err = process.HashFile(m.Files[i].Path); err != nil {
			return m, err
		}
	}
	return m, nil
}

// Hash returns a hash of everything that would be registered for a server: how it is started, and what it says about
// its tools. Whoever approves a hash approves nothing else.
func Hash(m exec.ModuleRef, tools []definition.Tool) (object.Hash, error) {
	h, err := bare(m).Hash()
	if err != nil {
		return h, err
	}
	text := "mythos mcp server\n" + h.String() + "\n"
	for _, d := range sorted(tools) {
		text += fmt.Sprintf("%s %q\n", d.Hash(), d.Name)
	}
	return object.SumText(text), nil
}

// Moved says which id a tool had, and which it has after it was approved.
type Moved struct {
	Name    string
	Was, Is object.Hash
}

// MovedBy lists the tools whose ids an approval changed.
func MovedBy(changes []Change, done []exec.Tool) []Moved {
	was := map[string]object.Hash{}
	for _, c := range changes {
		if c.was != nil {
			was[c.Name] = c.was.ID
		}
	}
	var list []Moved
	for _, t := range done {
		if id, ok := was[t.Name]; ok && id != t.ID {
			list = append(list, Moved{t.Name, id, t.ID})
		}
	}
	return list
}

func sorted(tools []definition.Tool) []definition.Tool {
	return slices.SortedFunc(slices.Values(tools), func(a, b definition.Tool) int { return strings.Compare(a.Name, b.Name) })
}
