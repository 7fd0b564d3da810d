package repo_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

func appendCell(t *testing.T, n *repo.Repo, name string, events ...string) *cell.Appended {
	t.Helper()
	q := &cell.AppendRequest{CellID: cell.ID(name)}
	for _, e := range events {
		key, data, _ := strings.Cut(e, "=")
		q.Events = append(q.Events, cell.Event{Key: []byte(key), Data: []byte(data)})
	}
	a, called, err := n.Caller.AppendCell(t.Context(), q, nil, nil)
	if err != nil || called.Status != exec.StatusOK {
		t.Fatalf("append: %+v, %v", called, err)
	}
	return a
}

// stateOf reads all pages of a state, as "key=data@number".
func stateOf(t *testing.T, n *repo.Repo, q cell.SnapshotRequest) (list []string) {
	t.Helper()
	for {
		page, err := n.Caller.SnapshotCell(t.Context(), &q, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range page.Events {
			list = append(list, fmt.Sprintf("%s=%s@%d", e.Key, e.Data, page.Numbers[i]))
		}
		if page.Next == nil {
			return list
		}
		q.At, q.After = &page.At, page.Next
	}
}

// TestCellState: the state is that of the events, with and without a stored snapshot, at any number, and page by page.
func TestCellState(t *testing.T) {
	for _, every := range []uint64{0, 1, 7, cell.DefaultSnapshotEvery} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			n := open(t, t.TempDir(), clockAt())
			id := cell.ID("c")
			if err := n.Caller.SetCellPolicy(t.Context(), id, every, nil); err != nil {
				t.Fatal(err)
			}
			const events = 40
			newest := map[string]string{}
			want := make([][]string, events+1)
			for i := range events {
				key := fmt.Sprintf("k%02d", i*i%11)
				appendCell(t, n, "c", fmt.Sprintf("%s=%d", key, i))
				newest[key] = fmt.Sprintf("%s=%d@%d", key, i, i)
				for _, e := range newest {
					want[i+1] = append(want[i+1], e)
				}
				slices.Sort(want[i+1])
			}
			for _, at := range []uint64{0, 1, 6, 7, 20, events} {
				if got := stateOf(t, n, cell.SnapshotRequest{CellID: id, At: &at}); !slices.Equal(got, want[at]) {
					t.Errorf("at %d: %v, want %v", at, got, want[at])
				}
			}
			if got := stateOf(t, n, cell.SnapshotRequest{CellID: id}); !slices.Equal(got, want[events]) {
				t.Errorf("now: %v", got)
			}
			if got := stateOf(t, n, cell.SnapshotRequest{CellID: id, KeyPrefix: []byte("k0"), After: []byte("k01")}); len(got) == 0 || strings.HasPrefix(got[0], "k00") || strings.HasPrefix(got[0], "k01") {
				t.Errorf("after k01: %v", got)
			}
			checkKept(t, n, every, events)
		})
	}
}

func checkKept(t *testing.T, n *repo.Repo, every, events uint64) {
	t.Helper()
	seen := 0
	err := n.Cells.Each(t.Context(), func(c cell.Info) error {
		seen++
		want := uint64(0)
		if every > 0 {
			want = events / every * every
		}
		if c.ID != cell.ID("c") || c.Events != events || c.Every != every || c.Snapshot != want {
			t.Errorf("%+v, a snapshot at %d is expected", c, want)
		}
		return nil
	})
	if err != nil || seen != 1 {
		t.Errorf("%d cells, %v", seen, err)
	}
}

// TestCellPages: a state that needs more than one answer has all of its keys, once each.
func TestCellPages(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	for part := range 3 {
		var events []string
		for i := range 700 {
			events = append(events, fmt.Sprintf("%04d=x", part*700+i))
		}
		appendCell(t, n, "c", events...)
	}
	appendCell(t, n, "other", "0000=y")
	got := stateOf(t, n, cell.SnapshotRequest{CellID: cell.ID("c")})
	if len(got) != 2100 || !slices.IsSorted(got) || got[2099] != "2099=x@2099" {
		t.Errorf("%d keys, the last %s", len(got), got[len(got)-1])
	}
}

// TestCellOutlivesCollection: a stored snapshot is not garbage; a missing one is rebuilt from the events.
func TestCellOutlivesCollection(t *testing.T) {
	c := clockAt()
	n := open(t, t.TempDir(), c)
	if err := n.Caller.SetCellPolicy(t.Context(), cell.ID("c"), 2, nil); err != nil {
		t.Fatal(err)
	}
	appendCell(t, n, "c", "a=1", "b=2")
	want := stateOf(t, n, cell.SnapshotRequest{CellID: cell.ID("c")})
	for range 3 {
		if _, err := n.Upkeep.GC(t.Context(), false, -1, nil); err != nil {
			t.Fatal(err)
		}
		c.pass(48 * time.Hour)
	}
	if got := stateOf(t, n, cell.SnapshotRequest{CellID: cell.ID("c")}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestCellExpect: of many who read a number and write only at it, each number has one winner.
func TestCellExpect(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	read := func(ctx context.Context) (at uint64, err error) {
		page, err := n.Caller.SnapshotCell(ctx, &cell.SnapshotRequest{CellID: cell.ID("c")}, nil)
		if err != nil {
			return 0, err
		}
		return page.At, nil
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for won := 0; won < 5; {
				at, err := read(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				a, called, err := n.Caller.AppendCell(t.Context(), &cell.AppendRequest{CellID: cell.ID("c"), Expect: &at,
					Events: []cell.Event{{Key: []byte("count"), Data: fmt.Appendf(nil, "%d", at)}}}, nil, nil)
				switch {
				case err != nil:
					t.Errorf("writer %d: %v", w, err)
					return
				case called.Status == exec.StatusOK && a.First == at && a.Count == 1:
					won++
				case called.Status != exec.StatusConflict || a.Count != 0 || a.First <= at:
					t.Errorf("writer %d at %d: %+v, status %d", w, at, a, called.Status)
					return
				}
			}
		})
	}
	wg.Wait()
	page, err := n.Caller.ReadCell(t.Context(), &cell.ReadRequest{CellID: cell.ID("c")}, nil)
	if err != nil || len(page.Events) != 20 {
		t.Fatalf("%d events, %v", len(page.Events), err)
	}
	for i, e := range page.Events {
		if string(e.Data) != fmt.Sprint(i) {
			t.Errorf("event %d was written at %s", i, e.Data)
		}
	}
}

// TestCellFromProgram: a program makes the request from its registers.
func TestCellFromProgram(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	write, read := issue(t, n, "cell.write:c"), issue(t, n, "cell.read:c")
	text := fmt.Sprintf(`.type Append record { 1 cell_id: any, 2 events: any }
.type Event record { 1 type: any, 2 key: any, 3 data: any }
.type Read record { 1 cell_id: any, 3 from: any }
.tool append (any) -> any id #%s
.tool read (any) -> any id #%s
.const key bytes x"%s"
.const data bytes x"%s"
.node event Event { 1: 7, 2: $key, 3: r0 }
.node add Append { 1: #%s, 2: r2 }
.node all Read { 1: #%s, 3: 0 }
.symbol main () -> any entry @main
.task sym:main () budget { cpu 10000, io 2, writes 1 }
main: const r0, $data
make r1, &event
list r2, r1
make r3, &add
require_cap #%s
require_cap #%s
effect tool:append, r3, r4, r5
make r6, &all
effect tool:read, r6, r7, r8
ret r7`, exec.BuiltinID("cell.append"), exec.BuiltinID("cell.read"), hex.EncodeToString([]byte("answer")), hex.EncodeToString([]byte("42")),
		cell.ID("c"), cell.ID("c"), write[0].ID, read[0].ID)
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	ran, err := n.Caller.Run(t.Context(), calls.RunSpec{Bundle: raw, Caps: []caps.Chain{write, read}})
	if err != nil || ran.Halt != nil {
		t.Fatalf("%v, %v", err, ran.Halt)
	}
	page, err := object.Decode[cell.Events](ran.Value.Data())
	if err != nil || len(page.Events) != 1 || page.Events[0].Type != 7 || string(page.Events[0].Key) != "answer" || string(page.Events[0].Data) != "42" {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := n.Exec.Replay(t.Context(), ran.RunID); err != nil {
		t.Errorf("replay: %v", err)
	}
}
