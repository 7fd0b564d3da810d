package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// piece is how much is read, hashed and written at a time, in bytes.
const piece = 1 << 20

// limit measures what no program with the same task can beat by much: read and hash with all processors, and write with
// the fewest possible system calls and syncs.
func limit(args []string) error {
	if len(args) != 3 {
		return errors.New("limit WHAT SOURCE TARGET")
	}
	what, source, target := args[0], args[1], args[2]
	switch what {
	case "hash":
		return hashAll(source)
	case "write":
		return copyHashed(source, target, false)
	case "put":
		return copyHashed(source, target, true)
	case "pack":
		return pack(source, target)
	case "range":
		return hashRange(source)
	}
	return fmt.Errorf("no limit %q", what)
}

// hashAll hashes a file, or all files in a folder, with all processors.
func hashAll(source string) error {
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if st.IsDir() {
		_, err := hashFolder(source, nil)
		return err
	}
	return pieces(source, func([]byte, int64) error { return nil })
}

// pieces reads a file, hashes its pieces with all processors, and calls fn for each.
func pieces(source string, fn func(data []byte, off int64) error) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, runtime.NumCPU())
	for w := range errs {
		wg.Go(func() {
			buf := make([]byte, piece)
			for off := int64(w) * piece; off < st.Size(); off += int64(len(errs)) * piece {
				n, err := f.ReadAt(buf, off)
				if err != nil && !errors.Is(err, io.EOF) {
					errs[w] = err
					return
				}
				sha256.Sum256(buf[:n])
				if errs[w] = fn(buf[:n], off); errs[w] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// copyHashed hashes and writes, and syncs once.
func copyHashed(source, target string, durable bool) error {
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	err = pieces(source, func(data []byte, off int64) error {
		_, err := out.WriteAt(data, off)
		return err
	})
	if err == nil && durable {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// hashRange reads and hashes 4 MiB from the middle.
func hashRange(source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 4<<20)
	if _, err := f.ReadAt(buf, st.Size()/3); err != nil {
		return err
	}
	sha256.Sum256(buf)
	_, err = os.Stdout.Write(buf)
	return err
}

// pack reads and hashes all files in a folder with all processors, and writes their bytes into one file with one sync.
func pack(source, target string) error {
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var buf []byte
	_, err = hashFolder(source, func(data []byte) error {
		mu.Lock()
		defer mu.Unlock()
		if buf = append(buf, data...); len(buf) < 8*piece {
			return nil
		}
		_, err := out.Write(buf)
		buf = buf[:0]
		return err
	})
	if err == nil {
		_, err = out.Write(buf)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// hashFolder hashes all files in a folder, and calls fn for the bytes of each.
func hashFolder(source string, fn func([]byte) error) (n int, err error) {
	list, err := os.ReadDir(source)
	if err != nil {
		return 0, err
	}
	todo := make(chan string)
	var wg sync.WaitGroup
	errs := make([]error, runtime.NumCPU())
	for w := range errs {
		wg.Go(func() {
			for name := range todo {
				data, err := os.ReadFile(name)
				sha256.Sum256(data)
				if err == nil && fn != nil {
					err = fn(data)
				}
				errs[w] = errors.Join(errs[w], err)
			}
		})
	}
	for _, e := range list {
		todo <- filepath.Join(source, e.Name())
	}
	close(todo)
	wg.Wait()
	return len(list), errors.Join(errs...)
}
