package toolbox

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/object"
)

// ProcessModule returns the module for a program of this machine. It pins the program, the interpreter of a script, and
// the files that the arguments name. What a person should know is appended to notes.
func ProcessModule(s ToolSpec, notes *[]string) (m exec.ModuleRef, err error) {
	path, err := osexec.LookPath(s.Process[0])
	if err != nil {
		return m, err
	}
	// Links are not resolved: a program may look at the name that it was called by.
	if path, err = filepath.Abs(path); err != nil {
		return m, err
	}
	h, err := process.HashFile(path)
	if err != nil {
		return m, err
	}
	p := pinning{files: make(map[string]object.Hash)}
	m = exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &h, Confinement: exec.ConfineNone, Argv: []string{path}}
	if m.Interpreter, err = process.Interpreter(path); err != nil {
		m.Interpreter, *notes = nil, append(*notes, "it will not start: "+err.Error())
	}
	for _, word := range m.Interpreter {
		if _, err := p.pin(word); err != nil {
			return m, err
		}
	}
	runs := process.Runs(s.Process)
	for i, arg := range s.Process[1:] {
		if path, ok := runs[i+1]; ok && s.PinRuns {
			pinned, err := p.pin(path)
			if err != nil {
				return m, err
			}
			if pinned {
				arg = path
			}
		}
		if !s.NoPin && !s.PinRuns {
			var named string
			if arg, named, err = p.argument(arg); err != nil {
				return m, err
			}
			if named != "" {
				*notes = append(*notes, named+" is pinned: if it changes, the tool is refused until you add it again (--no-pin allows changes)")
			}
		}
		m.Argv = append(m.Argv, arg)
	}
	m.Files = p.list()
	m.TakesTree, m.GivesTree = s.TakesTree, s.GivesTree
	if err := s.place(&m); err != nil {
		return m, err
	}
	if s.Unconfined {
		return m, nil
	}
	return m, s.confine(&m, notes)
}

// pinning collects files and their hashes.
type pinning struct{ files map[string]object.Hash }

// pin adds a file by its absolute path. A file that is not regular is not pinned.
func (p pinning) pin(path string) (pinned bool, err error) {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() || !filepath.IsAbs(path) {
		return false, nil
	}
	p.files[path], err = process.HashFile(path)
	return err == nil, err
}

// argument pins the file that an argument names, alone or as --name=FILE. The argument gets the file's absolute path,
// so that it names this file wherever the program runs.
func (p pinning) argument(arg string) (as, named string, err error) {
	prefix, name := "", arg
	if strings.HasPrefix(arg, "-") {
		before, after, ok := strings.Cut(arg, "=")
		if !ok {
			return arg, "", nil
		}
		prefix, name = before+"=", after
	}
	if name == "" {
		return arg, "", nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return arg, "", err
	}
	pinned, err := p.pin(path)
	if err != nil || !pinned {
		return arg, "", err
	}
	return prefix + path, path, nil
}

func (p pinning) list() (list []exec.PinnedFile) {
	for path, h := range p.files {
		list = append(list, exec.PinnedFile{Path: path, Hash: h})
	}
	slices.SortFunc(list, func(a, b exec.PinnedFile) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// place sets where the program runs, and which variables it gets.
func (s ToolSpec) place(m *exec.ModuleRef) error {
	switch {
	case s.Dir == nil && s.Unconfined:
		m.Dir = "."
	case s.Dir != nil && *s.Dir != "" && *s.Dir != ".":
		dir, err := filepath.Abs(*s.Dir)
		if err != nil {
			return err
		}
		m.Dir = dir
	case s.Dir != nil:
		m.Dir = *s.Dir
	}
	narrow := false
	for _, names := range s.Env {
		for name := range strings.SplitSeq(names, ",") {
			more, besides := strings.CutPrefix(strings.TrimSpace(name), "+")
			if more == "" || strings.ContainsAny(more, "=\x00") {
				return fmt.Errorf("--env %q: expected the name of a variable; its value comes from the call", name)
			}
			narrow = narrow || !besides
			m.Env = append(m.Env, more)
		}
	}
	if s.Unconfined && !narrow {
		m.Caller = process.CallerEnv
	}
	return nil
}

// confine confines the program to the system's folders and the paths in s.
func (s ToolSpec) confine(m *exec.ModuleRef, notes *[]string) error {
	if err := process.Confinable(); err != nil {
		return fmt.Errorf("this machine cannot confine a process (%w): register it with --unconfined if it may run with your rights", err)
	}
	read, err := absolute(s.Read)
	if err != nil {
		return err
	}
	if m.Write, err = absolute(s.Write); err != nil {
		return err
	}
	for _, path := range slices.Concat(read, m.Write) {
		if _, err := os.Stat(path); err != nil {
			*notes = append(*notes, path+" does not exist: nothing is granted until it does")
		}
	}
	for _, lack := range process.Lacking() {
		*notes = append(*notes, "this kernel cannot deny it "+lack)
	}
	m.Confinement, m.Read = exec.ConfineLandlock, append(systemPaths(), read...)
	for _, name := range s.Runtimes {
		if err := addRuntime(m, name); err != nil {
			return err
		}
	}
	return nil
}

func absolute(paths []string) (out []string, err error) {
	for _, p := range paths {
		if p, err = filepath.Abs(p); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
