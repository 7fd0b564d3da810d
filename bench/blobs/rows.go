package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"math/rand/v2"
)

// bench is one run.
type bench struct {
	options
	self, large, small string
	names              []string // of the small files
	cid                string   // of the large file
}

// step prepares a measurement, outside the measured time, and returns the command.
type step func(pair int) (*exec.Cmd, error)

// row is one thing to measure.
type row struct {
	name, title string
	goal        float64 // times the limit
	goalMS      int     // or milliseconds
	limit, ours step
	peers       map[string]step
}

// taken is one measurement: seconds of wall time and of processor time, and the most memory in bytes.
type taken struct{ wall, cpu, rss float64 }

func (b *bench) take(list *[]taken, s step, pair int) error {
	cmd, err := s(pair)
	if err != nil {
		return err
	}
	if cmd == nil {
		return nil // not installed
	}
	syscall.Sync() // what others have written must not be waited for
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start).Seconds()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Args[0], err, errOut.String())
	}
	st := cmd.ProcessState
	usage, ok := st.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("no resource usage here")
	}
	*list = append(*list, taken{wall, (st.UserTime() + st.SystemTime()).Seconds(), float64(usage.Maxrss << 10)})
	return nil
}

// prepare writes the files to be stored.
func (b *bench) prepare() (err error) {
	b.large, b.small = filepath.Join(b.dir, "large"), filepath.Join(b.dir, "small")
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	r := rand.NewChaCha8([32]byte{1})
	if err := writeRandom(b.large, r, b.size); err != nil {
		return err
	}
	if err := os.Mkdir(b.small, 0o700); err != nil {
		return err
	}
	for i := range b.files {
		name := fmt.Sprintf("small/%05d", i)
		if err := writeRandom(filepath.Join(b.dir, name), r, int64(b.fileSize)); err != nil {
			return err
		}
		b.names = append(b.names, name)
	}
	return nil
}

func writeRandom(name string, r *rand.ChaCha8, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	buf := make([]byte, min(size, 1<<20))
	for left := size; left > 0 && err == nil; left -= int64(len(buf)) {
		buf = buf[:min(left, int64(len(buf)))]
		r.Read(buf)
		_, err = f.Write(buf)
	}
	return errors.Join(err, f.Close())
}

func (b *bench) rows() []row {
	large := []string{"large"}
	return []row{
		{"put", "put, durable", 1.1, 0, b.limit("put", b.large), b.put("put", large), b.adders("put", large)},
		{"nosync", "put `--no-sync`", 1.2, 0, b.limit("write", b.large), b.put("nosync", large, "--no-sync"), nil},
		{"again", "put again", 1.2, 0, b.limit("hash", b.large), b.again(large), b.repeaters(large)},
		{"get", "get, whole", 1.2, 0, b.limit("hash", b.large), b.get(), b.readers()},
		{"range", "get 4 MiB of it", 0, 20, b.limit("range", b.large), b.get("--range", fmt.Sprintf("%d:%d", b.size/3, 4<<20)), nil},
		{"small", fmt.Sprintf("put %d files of %d KiB", b.files, b.fileSize>>10), 1.5, 0, b.limit("pack", b.small), b.put("small", b.names), b.adders("small", b.names)},
		{"smallagain", "put them again", 1.5, 0, b.limit("hash", b.small), b.againIn("small", b.names), nil},
	}
}

// limit runs this program as a raw limit.
func (b *bench) limit(what, source string) step {
	return func(pair int) (*exec.Cmd, error) {
		return exec.Command(b.self, "limit", what, source, filepath.Join(b.dir, fmt.Sprintf("limit-%s-%d", what, pair))), nil
	}
}

// command is a command about the files to store, in their folder.
func (b *bench) command(env []string, args ...string) *exec.Cmd {
	c := exec.Command(args[0], args[1:]...)
	c.Dir, c.Env = b.dir, append(os.Environ(), env...)
	return c
}

func (b *bench) store(kind string, pair int) string {
	return filepath.Join(b.dir, fmt.Sprintf("%s-%d", kind, pair))
}

// put stores files in a fresh repository.
func (b *bench) put(kind string, names []string, flags ...string) step {
	return func(pair int) (*exec.Cmd, error) {
		repo := b.store("mythos-"+kind, pair)
		if err := b.command(nil, b.mythos, "init", repo).Run(); err != nil {
			return nil, err
		}
		return b.command(nil, append(append([]string{b.mythos, "--repo", repo, "blob", "put"}, flags...), names...)...), nil
	}
}

// filled makes sure that the repository of a pair has the files.
func (b *bench) filled(kind string, names []string, pair int) (repo string, err error) {
	repo = b.store("mythos-"+kind, pair)
	if _, err := os.Stat(repo); err == nil {
		return repo, nil
	}
	cmd, err := b.put(kind, names)(pair)
	if err != nil {
		return "", err
	}
	return repo, cmd.Run()
}

func (b *bench) again(names []string) step { return b.againIn("put", names) }

func (b *bench) againIn(kind string, names []string) step {
	return func(pair int) (*exec.Cmd, error) {
		repo, err := b.filled(kind, names, pair)
		if err != nil {
			return nil, err
		}
		return b.command(nil, append([]string{b.mythos, "--repo", repo, "blob", "put"}, names...)...), nil
	}
}

// get reads the large file, or a part of it, always from the same repository: from the second time on its bytes are in
// the page cache.
func (b *bench) get(flags ...string) step {
	return func(int) (*exec.Cmd, error) {
		repo, err := b.filled("put", []string{"large"}, 0)
		if err != nil {
			return nil, err
		}
		if b.cid == "" {
			out, err := b.command(nil, b.mythos, "--repo", repo, "blob", "put", "large").Output()
			if err != nil {
				return nil, err
			}
			b.cid = strings.TrimSpace(string(out))
		}
		return b.command(nil, append([]string{b.mythos, "--repo", repo, "blob", "get", b.cid}, flags...)...), nil
	}
}
