package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/supervise"
	"github.com/mythos-project/mythos/object"
)

// loaded is a program with its checked files.
type loaded struct {
	program *os.File
	path    string // of the program
	argv    []string
	files   []*os.File // additional descriptors of the program
	reads   []string   // paths that it must be able to read
	watch   *watch
}

// maxScript is the size up to which a script is copied to memory.
const maxScript = 1 << 20

// load opens and checks everything that is pinned. The program is executed through its descriptor. A shell script that
// does not ask where it is runs from a sealed copy of the hashed bytes; any other file is read from its path, which is
// watched meanwhile.
func (r *Runner) load(call exec.Call) (l *loaded, err error) {
	ref := call.Module
	l = &loaded{argv: ref.Argv, path: ref.Argv[0], watch: newWatch()}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	interpreter := ref.Interpreter
	if len(interpreter) == 0 {
		if interpreter, err = Interpreter(ref.Argv[0]); err != nil {
			return l, err
		}
	}
	if len(interpreter) > 0 {
		if err = unix.Access(ref.Argv[0], unix.X_OK); err != nil {
			return l, fmt.Errorf("%s: %w: it is not executable (chmod +x)", ref.Argv[0], err)
		}
		l.argv, l.path = append(append([]string{}, interpreter...), ref.Argv...), interpreter[0]
	}
	if err = r.loadProgram(l, call); err != nil {
		return l, err
	}
	if len(interpreter) > 0 {
		l.reads = append(l.reads, ref.Argv[0])
		if err = r.loadFile(l, call.Tool, exec.PinnedFile{Path: ref.Argv[0], Hash: *ref.ModuleHash}); err != nil {
			return l, err
		}
	}
	for _, f := range ref.Files {
		if f.Path != l.path {
			if err = r.loadFile(l, call.Tool, f); err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

// loadProgram opens the file to execute. The interpreter of a script need not be pinned: it may have been missing when
// the script was registered.
func (r *Runner) loadProgram(l *loaded, call exec.Call) (err error) {
	want, pinned := call.Module.Pinned(l.path)
	if l.path == call.Module.Argv[0] {
		want, pinned = *call.Module.ModuleHash, true
	}
	if pinned {
		l.program, err = r.pins.open(call.Tool, l.path, want, l.watch)
	} else {
		l.program, err = plainfile.OpenLinked(l.path)
	}
	if err != nil {
		return err
	}
	if err := runnable(l.program); err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	return nil
}

// loadFile opens and checks one of the files that the program reads. Confinement allows reading the script, too.
func (r *Runner) loadFile(l *loaded, tool object.Hash, f exec.PinnedFile) error {
	file, err := r.pins.open(tool, f.Path, f.Hash, nil)
	if err != nil {
		return err
	}
	if i := scriptOf(l.path, l.argv); i > 0 && l.argv[i] == f.Path {
		l.reads = append(l.reads, f.Path)
		if data, ok := script(file, f.Hash); ok && shell(l.path) {
			return errors.Join(l.inMemory(i, data), file.Close())
		}
	}
	// It is watched first and then hashed again: now every later change is noticed.
	if err = l.watch.content(file); err == nil {
		err = l.watch.place(f.Path, file)
	}
	if err == nil {
		err = r.pins.check(tool, file, f.Path, f.Hash)
	}
	if err != nil {
		file.Close()
	}
	return err
}

// script returns the content of a shell script with the hash want, if a copy behaves like the original.
func script(f *os.File, want object.Hash) ([]byte, bool) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxScript+1))
	return data, err == nil && len(data) <= maxScript && placeless(data) && object.Sum(data) == want
}

// inMemory replaces the file of the program's argument i by data in memory.
func (l *loaded) inMemory(i int, data []byte) error {
	copied, err := sealed(data)
	if err != nil {
		return err
	}
	l.argv = append([]string{}, l.argv...)
	l.argv[i] = "/proc/self/fd/" + strconv.Itoa(supervise.FirstFile+len(l.files))
	l.files = append(l.files, copied)
	return nil
}

// sealed is a file in memory that nobody can change.
func sealed(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("script", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "script")
	_, err = io.Copy(f, bytes.NewReader(data))
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// runnable refuses a file that the kernel would not run.
func runnable(f *os.File) error {
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n < 4 || !bytes.Equal(head, []byte("\x7fELF")) {
		return errNotProgram
	}
	return nil
}

// close closes all opened files. It may be called again.
func (l *loaded) close() {
	if l.program != nil {
		_ = l.program.Close() // it was read only
	}
	for _, f := range l.files {
		_ = f.Close()
	}
	l.watch.close()
}
