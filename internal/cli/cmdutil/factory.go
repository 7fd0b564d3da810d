// Package cmdutil provides what every command needs: streams, global flags, the repository, input and output.
package cmdutil

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Factory provides what commands need. There is one per process.
type Factory struct {
	IO   *ui.Streams
	From string // --repo or MYTHOS_DIR: where the repository is; empty: walk up
	JSON bool
	Now  func() object.Time

	CodeOf  func(error) int                 // the exit code of an error
	Explain func(error) (kind, hint string) // the exit code's name, and the remedy
	Cancel  context.CancelFunc              // ends the command early, without an error

	// CommandStatus lets the process end with the exit status of the program it runs.
	CommandStatus bool
	// ErrorStatus is the exit status of every error, for a caller that expects only one; 0: the error's exit code.
	ErrorStatus int

	repo     *repo.Repo
	dir      string // the repository found; empty: none
	settings *config.Config

	outputs   map[*cobra.Command]Output
	unmatched []string
}

// New returns the factory of this process.
func New() *Factory {
	return &Factory{IO: ui.System(), Now: func() object.Time { return object.TimeOf(time.Now()) }}
}

// RepoDir finds the repository's .mythos folder.
func (f *Factory) RepoDir() (string, error) {
	dir, err := repo.Find(f.From)
	if errors.Is(err, repo.ErrNoRepository) {
		return "", clierr.New(clierr.NotFound, "%w", err).With("run `mythos init`, or name one with -C DIR, --repo DIR or MYTHOS_DIR")
	}
	if err == nil {
		f.dir = dir
	}
	return dir, err
}

// Settings reads the settings of the repository, if there is one, once. A command must stop rather than ignore a
// setting that may protect something.
func (f *Factory) Settings() (*config.Config, error) {
	if f.settings != nil {
		return f.settings, nil
	}
	dir, err := repo.Find(f.From)
	if err != nil {
		dir = "" // a command that needs a repository reports its absence itself
	}
	c, err := config.Load(dir)
	if err != nil {
		return nil, err
	}
	for _, note := range c.Notes {
		f.IO.Debugf("%s", note)
	}
	f.settings = c
	return c, nil
}

// Repo opens the repository, once.
func (f *Factory) Repo(ctx context.Context) (*repo.Repo, error) {
	if f.repo != nil {
		return f.repo, nil
	}
	dir, err := f.RepoDir()
	if err != nil {
		return nil, err
	}
	cfg, err := f.Settings()
	if err != nil {
		return nil, err
	}
	n, err := repo.Open(ctx, dir, repo.Options{Config: cfg, Now: f.Now, Debugf: f.IO.Debugf, Passphrase: f.Passphrase(), Waiting: f.waiting, Away: f.away, Moved: f.moved})
	if err != nil {
		return nil, err
	}
	f.repo = n
	return n, nil
}

// moved says that what is read is not what is elsewhere by now.
func (f *Factory) moved(place string) {
	f.IO.Notef("this repository was moved to %s; what is here is as it was then, and can only be read", place)
}

// waiting says for whom the command waits.
func (f *Factory) waiting(busy ledger.BusyError) {
	if busy.Fence == 0 {
		f.IO.Notef("waiting for another process that is about to start")
		return
	}
	f.IO.Notef("waiting for attempt %d by %s, running since %s", busy.Fence, cmp.Or(busy.Owner.Hint, busy.Owner.Name()), busy.Since)
}

// away reports that a response cannot be stored yet.
func (f *Factory) away(bytes int, why error) {
	f.IO.Notef("the tool has answered, and its answer of %d bytes waits for the bucket: %v; it is lost if this process ends", bytes, why)
}

// Opened is the repository if Repo has opened it, otherwise nil.
func (f *Factory) Opened() *repo.Repo { return f.repo }

// Close closes everything that was opened.
func (f *Factory) Close() error {
	var err error
	if f.repo != nil {
		err = f.repo.Close()
	}
	if f.dir != "" {
		err = errors.Join(err, repo.GiveBack(f.dir))
	}
	return err
}

// Emit writes v as one JSON document (a line) with --json, and otherwise calls plain. Lists and streams call it once
// for each element.
func (f *Factory) Emit(v any, plain func()) error {
	if !f.JSON {
		plain()
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("render JSON: %w", err)
	}
	_, err := f.IO.Out.Write(b.Bytes())
	return err
}

// MaxInput bounds what a command reads into memory from a file or a stream.
const MaxInput = 64 << 20

// Read reads a whole file, or standard input for "-" and "".
func (f *Factory) Read(name string) ([]byte, error) {
	r, done, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer done()
	return f.ReadFrom(name, r)
}

// ReadFrom reads all of an open file.
func (f *Factory) ReadFrom(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > MaxInput {
		return nil, clierr.New(clierr.Failed, "%s is larger than %d MiB", name, MaxInput>>20).On(name)
	}
	return data, nil
}

// ReadText reads a whole text file, or standard input for "-" and "", and undoes changes by mail, editors or other
// systems: it removes a byte order mark, replaces CRLF by LF, and leaves exactly one line end at the end. Signed text
// is verified afterwards. UTF-16 is refused by name.
func (f *Factory) ReadText(name string) ([]byte, error) {
	data, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, clierr.New(clierr.Invalid, "%s is UTF-16", FileName(name)).On(name).With("save it as UTF-8")
	}
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\r\n"), []byte("\n"))
	if data = bytes.Trim(data, "\r\n"); len(data) > 0 {
		data = append(data, '\n')
	}
	return data, nil
}

// Open opens a file for reading, or standard input for "-" and "".
func (f *Factory) Open(name string) (io.Reader, func(), error) {
	if name == "-" || name == "" {
		return f.IO.In, func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, FileError(name, err)
	}
	if st, err := file.Stat(); err == nil && st.IsDir() {
		file.Close()
		return nil, nil, clierr.New(clierr.Failed, "%s is a directory", FileName(name)).On(name)
	}
	return file, func() { file.Close() }, nil
}

// FileName is a file's name for a terminal: quoted if it contains line breaks or other control characters.
func FileName(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return name
}

// FileError gives a file's error its exit code.
func FileError(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = &fs.PathError{Op: pe.Op, Path: FileName(pe.Path), Err: pe.Err}
	}
	if errors.Is(err, os.ErrNotExist) {
		return clierr.New(clierr.NotFound, "%w", err).On(name)
	}
	return clierr.New(clierr.Failed, "%w", err).On(name)
}

// Write writes a result to the output that a user named, like WriteWith.
func (f *Factory) Write(name string, data []byte) error {
	return f.WriteWith(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteWith writes the output of write to standard output for "" and "-", and otherwise to an output: a regular file,
// completely or not at all, or an existing device or pipe (atomicfile.Output).
func (f *Factory) WriteWith(name string, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		return write(f.IO.Out)
	}
	if st, err := os.Stat(filepath.Dir(name)); err != nil || !st.IsDir() {
		return clierr.New(clierr.NotFound, "no folder %s", FileName(filepath.Dir(name))).On(name)
	}
	return atomicfile.WriteOutput(name, write)
}
