package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Output writes the result of a command to the name that a user gave. The target keeps its nature:
//
//   - A device, a pipe, a socket or one of the process's own streams is written directly.
//   - A symbolic link stays, and its target is replaced.
//   - A regular file is replaced completely or not at all, and keeps its permissions.
//   - A new file appears completely or not at all, with the permissions 0666 less the umask, as
//     with a shell's redirection. Use [Write] for secrets.
//
// End it with Commit or Abort.
type Output struct {
	f      *os.File
	name   string // as given, for errors
	target string // the file to replace at the end; empty: f is written directly
}

// Create begins an output. For a pipe it waits for a reader, as every writer does.
func Create(name string) (*Output, error) {
	o, err := create(name)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	o.name = name
	return o, nil
}

func create(name string) (*Output, error) {
	if f, err := stream(name); f != nil || err != nil {
		return &Output{f: f}, err
	}
	target, err := followed(name)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f, err := beside(target, 0o666)
		return &Output{f: f, target: target}, err
	case err != nil:
		return nil, err
	case st.IsDir():
		return nil, errors.New("it is a directory")
	case !st.Mode().IsRegular():
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		return &Output{f: f}, err
	}
	// The replaced file may be a secret: nobody else may read the new bytes before they have its permissions.
	f, err := beside(target, 0o600)
	if err == nil {
		err = resemble(f, st)
	}
	return &Output{f: f, target: target}, err
}

// stream is a duplicate of one of the process's own descriptors, if name is the name of one. Opening it by name would
// lose its position.
func stream(name string) (*os.File, error) {
	number := ""
	switch dir, base := filepath.Split(filepath.Clean(name)); dir + base {
	case "/dev/stdout":
		number = "1"
	case "/dev/stderr":
		number = "2"
	default:
		if dir == "/dev/fd/" || dir == "/proc/self/fd/" {
			number = base
		}
	}
	fd, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return nil, nil
	}
	return duplicate(int(fd), name)
}

// maxLinks is the largest number of symbolic links in a chain, as in Linux.
const maxLinks = 40

// followed is the name at the end of a chain of symbolic links; it need not exist.
func followed(name string) (string, error) {
	for range maxLinks {
		st, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && st.Mode().Type() != fs.ModeSymlink) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		to, err := os.Readlink(name)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			// Not Join: it would drop a link before "..".
			to = filepath.Dir(name) + string(filepath.Separator) + to
		}
		name = to
	}
	return "", errors.New("too many symbolic links")
}

// beside makes an unfinished file beside target: a rename must not cross file systems. The
// umask and the folder's rules apply to perm.
func beside(target string, perm fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(target)
	for {
		name := dir + "." + base[:min(len(base), 200)] + ".tmp-" + strconv.FormatUint(rand.Uint64(), 36)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return f, withoutTemp(err)
		}
	}
}

// withoutTemp removes the unfinished file's name from an error, because the user does not know it.
func withoutTemp(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && strings.Contains(pe.Path, ".tmp-") {
		return pe.Err
	}
	return err
}

// resemble gives a new file the permissions and, if allowed, the owner of the file that it replaces.
func resemble(f *os.File, st fs.FileInfo) error {
	own(f, st)
	if err := f.Chmod(st.Mode() & (fs.ModePerm | fs.ModeSticky)); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return nil
}

// Write implements io.Writer.
func (o *Output) Write(data []byte) (int, error) { return o.f.Write(data) }

// Commit makes the output durable and gives it its name.
func (o *Output) Commit() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", o.name, err)
		}
	}()
	if o.target == "" {
		return o.f.Close()
	}
	if err := errors.Join(o.f.Sync(), o.f.Close()); err != nil {
		return errors.Join(err, os.Remove(o.f.Name()))
	}
	if err := os.Rename(o.f.Name(), o.target); err != nil {
		return errors.Join(err, os.Remove(o.f.Name()))
	}
	return SyncDir(filepath.Dir(o.target))
}

// Abort discards the output: a file is unchanged. A pipe or a device has what was written.
func (o *Output) Abort() error {
	err := o.f.Close()
	if o.target != "" {
		err = errors.Join(err, os.Remove(o.f.Name()))
	}
	return err
}

// WriteOutput writes the output of write. If write fails, a regular file is unchanged.
func WriteOutput(name string, write func(io.Writer) error) error {
	o, err := Create(name)
	if err != nil {
		return err
	}
	if err := write(o); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), o.Abort())
	}
	return o.Commit()
}
