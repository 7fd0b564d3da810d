package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteReplacesWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "", "a longer text"} {
		if err := Write(name, 0o640, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	st, err := os.Stat(name)
	if err != nil || st.Mode().Perm() != 0o640 {
		t.Fatalf("%v %v", st.Mode(), err)
	}
	if left := names(t, filepath.Dir(name)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := Write(name, 0o600, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := WriteFrom(name, 0o600, func(w io.Writer) error {
		if _, err := w.Write([]byte("half of the n")); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != "old" {
		t.Errorf("the file is %q", got)
	}
	if left := names(t, filepath.Dir(name)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestGroup(t *testing.T) {
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprint(durable), func(t *testing.T) {
			temp, root := t.TempDir(), t.TempDir()
			g := NewGroup(temp, durable)
			name := func(i int) string { return filepath.Join(root, fmt.Sprintf("%02x", i%5), fmt.Sprint(i)) }
			var wg sync.WaitGroup
			for i := range 3 * flushAt {
				wg.Go(func() {
					if err := g.Add(name(i), fmt.Append(nil, i)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if err := errors.Join(g.Sync(context.Background()), g.Close()); err != nil {
				t.Fatal(err)
			}
			want := Durable
			if !durable {
				want = Unsynced
			}
			for i := range 3 * flushAt {
				got, err := os.ReadFile(name(i))
				if err != nil || !bytes.Equal(got, fmt.Append(nil, i)) {
					t.Fatalf("file %d: %q %v", i, got, err)
				}
				if st, err := os.Stat(name(i)); err != nil || st.Mode().Perm() != want {
					t.Fatalf("file %d: %v %v", i, st.Mode(), err)
				}
			}
			if left := names(t, temp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestGroupThatIsGivenUp(t *testing.T) {
	temp, root := t.TempDir(), t.TempDir()
	g := NewGroup(temp, true)
	if err := g.Add(filepath.Join(root, "a"), []byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name before its bytes are durable: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if left := append(names(t, temp), names(t, root)...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFailureOfAGroupStays(t *testing.T) {
	temp, root := t.TempDir(), t.TempDir()
	g := NewGroup(temp, true)
	if err := g.Add(filepath.Join(root, "a"), []byte("a")); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, temp) { // somebody removes the unfinished file
		if err := os.Remove(filepath.Join(temp, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Sync(context.Background()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("sync of a lost file: %v", err)
	}
	if err := g.Sync(context.Background()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("second sync: %v", err)
	}
}
