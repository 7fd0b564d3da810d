package datasetcmd

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/datasets"
)

// outputs are the files of an export. They get their names when all are complete.
type outputs struct {
	folder bool
	name   string
	std    io.Writer
	file   *atomicfile.Output // of one file
	temp   string             // the folder for unfinished files; empty: none yet
	fresh  bool               // the target folder does not exist yet
	names  []string           // in temp
}

func (o *outputs) toStd() bool { return o.name == "" || o.name == "-" }

// open makes a file of the export.
func (o *outputs) open(name string) (io.WriteCloser, error) {
	if !o.folder && o.toStd() {
		return unclosed{o.std}, nil
	}
	if !o.folder {
		var err error
		o.file, err = atomicfile.Create(o.name)
		return unclosed{o.file}, err
	}
	if err := o.prepare(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(o.temp, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) // less the umask
	if err != nil {
		return nil, err
	}
	o.names = append(o.names, name)
	return synced{f}, nil
}

// prepare makes the folder for the unfinished files: beside the target if that does not exist, so that one rename
// creates it, otherwise inside it.
func (o *outputs) prepare() (err error) {
	if o.temp != "" {
		return nil
	}
	o.name = filepath.Clean(o.name)
	where := o.name
	if _, err := os.Stat(o.name); errors.Is(err, fs.ErrNotExist) {
		o.fresh, where = true, filepath.Dir(o.name)
	} else if err != nil {
		return err
	}
	o.temp, err = atomicfile.TempFolder(where)
	return err
}

// finish gives the files their names and removes the files of an earlier export; if good is false, it discards them.
func (o *outputs) finish(good bool) error {
	switch {
	case o.file != nil && good:
		return o.file.Commit()
	case o.file != nil:
		return o.file.Abort()
	case o.temp == "":
		return nil
	case !good:
		return o.giveUp()
	}
	if err := errors.Join(atomicfile.SyncDir(o.temp), o.checkCard(), o.checkAttached()); err != nil {
		return errors.Join(err, o.giveUp())
	}
	if o.fresh {
		return errors.Join(os.Rename(o.temp, o.name), atomicfile.SyncDir(filepath.Dir(o.name)))
	}
	if err := o.removeOld(); err != nil {
		return errors.Join(err, o.giveUp())
	}
	for _, name := range o.names {
		if err := os.Rename(filepath.Join(o.temp, name), filepath.Join(o.name, name)); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(o.temp), atomicfile.SyncDir(o.name))
}

func (o *outputs) giveUp() error { return os.RemoveAll(o.temp) }

// exportName matches the names of files that an export into a folder writes.
var exportName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`-\d{5}-of-\d{5}\.(jsonl|parquet)$`) })

// removeOld removes the files of an earlier export: it may contain rows that the new one leaves out, splits differently
// or redacts.
func (o *outputs) removeOld() error {
	entries, err := os.ReadDir(o.name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		ours := exportName().MatchString(name)
		if cardMarks[name] != nil {
			if ours, err = isCard(filepath.Join(o.name, name)); err != nil {
				return err
			}
		}
		if name == export.AttachedFolder {
			if err := o.removeAttached(); err != nil {
				return err
			}
		}
		if !ours || e.IsDir() {
			continue
		}
		if err := os.Remove(filepath.Join(o.name, name)); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(o.name)
}

// checkCard refuses to replace a README or a description that this program did not write.
func (o *outputs) checkCard() error {
	if o.fresh {
		return nil
	}
	for _, card := range o.names {
		if cardMarks[card] == nil {
			continue
		}
		name := filepath.Join(o.name, card)
		ours, err := isCard(name)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(name); ours || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return clierr.New(clierr.Conflict, "%s exists and is not a dataset card", name).On(name).With("move it away, or leave out --card")
	}
	return nil
}

// cardMarks identify dataset cards and descriptions that this program wrote.
var cardMarks = map[string][]string{datasets.CardName: {"---\nconfigs:\n", "\nmythos:\n"}, datasets.CroissantName: {`"citeAs": "MYTHOS dataset `}}

// isCard reports whether a file is a dataset card that this program wrote.
func isCard(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 1<<20))
	for _, mark := range cardMarks[filepath.Base(name)] {
		if !bytes.Contains(head, []byte(mark)) {
			return false, err
		}
	}
	return true, err
}

// synced is a file that Close makes durable.
type synced struct{ *os.File }

// Close implements io.Closer.
func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// unclosed is a writer that finish closes.
type unclosed struct{ io.Writer }

// Close leaves it open.
func (unclosed) Close() error { return nil }
