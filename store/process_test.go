package store_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/gc"
)

const childDir = "MYTHOS_STORE_TEST_DIR"

// acknowledged is a child's report about a durable blob.
type acknowledged struct {
	CID  string
	Seed uint64
	Size int
}

func blobOf(a acknowledged) []byte {
	b := make([]byte, a.Size)
	r := rand.NewChaCha8([32]byte{byte(a.Seed), byte(a.Seed >> 8), byte(a.Seed >> 16), byte(a.Seed >> 24)})
	r.Read(b)
	return b
}

// TestMain also runs the child processes. They put blobs of all sizes until they are killed, or as many as the second
// argument says.
func TestMain(m *testing.M) {
	dir, seed, _ := strings.Cut(os.Getenv(childDir), ":")
	if dir == "" {
		os.Exit(m.Run())
	}
	var base uint64
	var count int
	if _, err := fmt.Sscanf(seed, "%d:%d", &base, &count); err != nil {
		os.Exit(2)
	}
	if err := child(dir, base<<16, count); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(dir string, base uint64, count int) error {
	t := &childT{dir: dir}
	d := openAt(t, dir)
	defer t.cleanup()
	sizes := []int{1, 9000, 70_000, minChunk + 5, 3 * minChunk, 7*minChunk + 100}
	for i := range count {
		a := acknowledged{Seed: base + uint64(i), Size: sizes[i%len(sizes)]}
		ref, err := d.PutBlob(context.Background(), bytes.NewReader(blobOf(a)), store.PutOptions{ChunkSize: minChunk})
		if err != nil {
			return err
		}
		a.CID = hex.EncodeToString(ref.CID.Sum[:])
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return nil
}

// childT is the part of testing.TB that openAt needs.
type childT struct {
	testing.TB
	dir  string
	ends []func()
}

func (t *childT) Helper()          {}
func (t *childT) Cleanup(f func()) { t.ends = append(t.ends, f) }
func (t *childT) Fatal(a ...any)   { fmt.Fprintln(os.Stderr, a...); os.Exit(1) }
func (t *childT) Error(a ...any)   { t.Fatal(a...) }
func (t *childT) cleanup() {
	for _, f := range t.ends {
		f()
	}
}

func startChild(t *testing.T, dir string, seed, count int) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d:%d", childDir, dir, seed, count))
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// lines reads the reports of a child; an incomplete last line does not count.
func lines(t *testing.T, out []byte) (list []acknowledged) {
	t.Helper()
	for line := range bytes.Lines(out) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var a acknowledged
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, a)
	}
	return list
}

func expectAll(t *testing.T, d *disk, list []acknowledged) {
	t.Helper()
	for _, a := range list {
		cid, err := object.ParseHash(a.CID)
		if err != nil {
			t.Fatal(err)
		}
		d.expect(t, cid, blobOf(a))
	}
	if found := d.fsck(t); len(found) > 0 {
		t.Errorf("fsck: %v", found)
	}
}

func TestManyProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	var cmds []*exec.Cmd
	var outs []*bytes.Buffer
	for i := range 5 {
		cmd, out := startChild(t, dir, i, 12)
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	d := openAt(t, dir)
	mine := d.mustPut(t, data(9000), store.PutOptions{})
	var list []acknowledged
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		list = append(list, lines(t, outs[i].Bytes())...)
	}
	if len(list) != 60 {
		t.Fatalf("%d blobs of 60", len(list))
	}
	expectAll(t, d, list)
	d.expect(t, mine.CID, data(9000))
}

// Acknowledged blobs are complete after processes were killed at any point, and their remains can be collected.
func TestKilledPuts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	var list []acknowledged
	for round := range 8 {
		var cmds []*exec.Cmd
		var outs []*bytes.Buffer
		for i := range 2 {
			cmd, out := startChild(t, dir, 100+2*round+i, 1_000_000)
			cmds, outs = append(cmds, cmd), append(outs, out)
		}
		time.Sleep(time.Duration(80+rand.IntN(200)) * time.Millisecond)
		for i, cmd := range cmds {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed
			list = append(list, lines(t, outs[i].Bytes())...)
		}
	}
	d := openAt(t, dir)
	expectAll(t, d, list)
	rep, err := gc.Run(t.Context(), d.Store, gc.Options{})
	if err != nil || d.unfinished(t) != 0 {
		t.Errorf("%+v, %d unfinished: %v", rep, d.unfinished(t), err)
	}
	expectAll(t, d, list)
	t.Logf("%d blobs were acknowledged", len(list))
}
