package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// Trees stores folders under one id (spec/trees.md).
type Trees interface {
	// Unpack writes the content of a tree into an empty folder.
	Unpack(ctx context.Context, tree object.Hash, dir string) error
	// Pack stores a folder. An error that wraps [ErrNoTree] means that no tree can represent it.
	Pack(ctx context.Context, dir string) (object.Hash, error)
}

// ErrNoTree means that a folder holds something that a tree cannot represent.
var ErrNoTree = errors.New("the output is not a tree")

// The variables with the paths of a call's folders.
const (
	envIn  = "MYTHOS_IN"
	envOut = "MYTHOS_OUT"
)

// folders are the folders of one call: its input, which the program may only read, and its output. Either may be empty
// if the tool does not use it.
type folders struct {
	top     string
	in, out string
	given   object.Hash
}

// treeOf is the tree that a request names. The error wraps exec.ErrRequest.
func treeOf(request []byte) (object.Hash, error) {
	id, err := tree.ParseLine(request)
	if err != nil {
		err = fmt.Errorf("%w: %w", exec.ErrRequest, err)
	}
	return id, err
}

// folders makes the folders of a call. An error means that nothing happened.
func (r *Runner) folders(ctx context.Context, call exec.Call) (f *folders, err error) {
	m := call.Module
	if !m.TakesTree && !m.GivesTree {
		return &folders{}, nil
	}
	if r.Trees == nil {
		return nil, errors.New("no trees are kept here")
	}
	f = &folders{}
	if f.top, err = os.MkdirTemp(r.Dir, "mythos-trees-"); err != nil {
		return nil, fmt.Errorf("folders of the call: %w", err)
	}
	if m.GivesTree {
		f.out = filepath.Join(f.top, "out")
		err = os.Mkdir(f.out, 0o700)
	}
	if err == nil && m.TakesTree {
		err = f.fill(ctx, r.Trees, call)
	}
	if err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

// fill unpacks the tree that the request names. Confinement prevents writes to it; for an unconfined program the modes
// do.
func (f *folders) fill(ctx context.Context, trees Trees, call exec.Call) (err error) {
	if f.given, err = treeOf(call.Request); err != nil {
		return err
	}
	f.in = filepath.Join(f.top, "in")
	if err := os.Mkdir(f.in, 0o700); err != nil {
		return err
	}
	if err := trees.Unpack(ctx, f.given, f.in); err != nil || call.Module.Confinement != exec.ConfineNone {
		return err
	}
	return f.chmod(f.in, func(mode fs.FileMode) fs.FileMode { return mode &^ 0o222 })
}

// chmod changes the modes of files and folders without following links.
func (f *folders) chmod(dir string, to func(fs.FileMode) fs.FileMode) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		st, err := root.Lstat(name)
		if err != nil {
			return err
		}
		return root.Chmod(name, to(st.Mode().Perm()))
	})
}

// remove removes the folders, even if they are not writable.
func (f *folders) remove() error {
	if f.top == "" {
		return nil
	}
	_ = f.chmod(f.top, func(mode fs.FileMode) fs.FileMode { return mode | 0o700 })
	return os.RemoveAll(f.top)
}

// environment returns the variables with the folders' paths.
func (f *folders) environment() (env []string) {
	if f.in != "" {
		env = append(env, envIn+"="+f.in)
	}
	if f.out != "" {
		env = append(env, envOut+"="+f.out)
	}
	return env
}

// reads and writes are the paths that a confined program may use, in addition to those of its registration.
func (f *folders) reads() []string  { return paths(f.in) }
func (f *folders) writes() []string { return paths(f.out) }

func paths(path string) []string {
	if path == "" {
		return nil
	}
	return []string{path}
}

// answer stores the output folder of a successful program as a tree, which becomes the response. If no tree can
// represent the folder, the program has failed. If storing the tree fails, the outcome is unknown.
func (f *folders) answer(ctx context.Context, trees Trees, res exec.Response) (exec.Response, error) {
	if !f.given.IsZero() {
		res.Evidence = append(res.Evidence, f.given)
	}
	if f.out == "" || res.Status != exec.StatusOK {
		return res, nil
	}
	id, err := trees.Pack(ctx, f.out)
	switch {
	case errors.Is(err, ErrNoTree):
		res.Status, res.Notes = exec.StatusFailed, strings.TrimSpace(res.Notes+"\n"+strings.ReplaceAll(err.Error(), f.out, "$"+envOut))
		return res, nil
	case err != nil:
		return exec.Response{}, fmt.Errorf("store what the tool left in its folder: %w", err)
	}
	res.Body = tree.Line(id)
	if id != f.given {
		res.Evidence = append(res.Evidence, id)
	}
	return res, nil
}
