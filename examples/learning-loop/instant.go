package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The instant layer changes no model. It has three parts, each of which works as soon as the day's evidence is there:
// an index to search, memory of what was asked before, and a codebook tuned to what is sent.

// instant lets the layer learn a day, and returns how well it does.
func (l *loop) instant(ctx context.Context, day string) (p point, err error) {
	if _, err := l.mythos(ctx, "index", "update", "memory", "@corpus/"+day); err != nil {
		return p, err
	}
	if p.instant, err = l.recall(ctx); err != nil {
		return p, err
	}
	if p.again, err = l.remember(ctx, day); err != nil {
		return p, err
	}
	p.smaller, err = l.tune(ctx, day)
	return p, err
}

// recall asks the index about the held-out files: the label on which the nearest episodes agree is its answer.
func (l *loop) recall(ctx context.Context) (float64, error) {
	out, err := l.mythos(ctx, "index", "search", "memory", "--batch", "searches.jsonl", "--vote", "pkg", "--json")
	if err != nil {
		return 0, err
	}
	right := 0
	for i, line := range strings.Split(out, "\n") {
		var a struct{ Vote string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return 0, err
		}
		if a.Vote == l.data.held[i].pkg {
			right++
		}
	}
	return float64(right) / float64(len(l.data.held)), nil
}

// program reads nothing and calls nothing: its result depends only on its text.
const program = `.const day text "%s"
.symbol main (any) -> any entry @main
.task sym:main ($day) budget { cpu 1000, io 0, writes 0 } trace
main: list r1, r0, r0
ret r1
`

// remember asks for everything of a day again: no tool is called twice for the same key, and a task without effects is
// not even run. Without that memory, the task gives the same result. It returns the share of the calls that were not
// made again.
func (l *loop) remember(ctx context.Context, day string) (float64, error) {
	out, err := l.mythos(ctx, "call", "read", "--batch", day+".jsonl", "--capture", "--json")
	if err != nil {
		return 0, err
	}
	lines := strings.Split(out, "\n")
	replayed := 0
	for _, line := range lines {
		var c struct{ Replayed bool }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return 0, err
		}
		if c.Replayed {
			replayed++
		}
	}
	if err := l.write(day+".mir", fmt.Sprintf(program, day)); err != nil {
		return 0, err
	}
	if _, err := l.mythos(ctx, "asm", day+".mir", "-o", day+".bundle"); err != nil {
		return 0, err
	}
	var result string
	for i, args := range [][]string{nil, nil, {"--no-memo"}} {
		out, err := l.mythos(ctx, append([]string{"run", day + ".bundle", "--json"}, args...)...)
		if err != nil {
			return 0, err
		}
		var r struct {
			Hash     string `json:"result_hash"`
			Memoized bool
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			return 0, err
		}
		if i == 0 {
			result = r.Hash
		}
		if r.Hash != result || r.Memoized != (i == 1) {
			return 0, fmt.Errorf("run %d of %s gave %s, memoized: %v", i+1, day, r.Hash, r.Memoized)
		}
	}
	return float64(replayed) / float64(len(lines)), nil
}

// book is a codebook agreed on with the peer.
type book struct {
	agreement string
	probe     int // size of a packet to the peer under it, in bytes
}

// meetPeer makes a second repository, to which packets are sent.
func (l *loop) meetPeer(ctx context.Context) error {
	if _, err := l.mythos(ctx, "init", "peer", "--name", "peer"); err != nil {
		return err
	}
	for _, pair := range [][2]string{{"peer", "."}, {".", "peer"}} {
		key, err := l.mythos(ctx, "--repo", pair[0], "key", "export")
		if err != nil {
			return err
		}
		if _, err := l.mythos(ctx, "--repo", pair[1], "trust", "add", key, "--name", "other", "--for", "packet"); err != nil {
			return err
		}
	}
	return nil
}

// tune makes a codebook from what was run so far and agrees on it with the peer. It returns the share of bytes that it
// saves on data that it was not made from.
func (l *loop) tune(ctx context.Context, day string) (float64, error) {
	out, err := l.mythos(ctx, "codebook", "train", "--json")
	if err != nil {
		return 0, err
	}
	var t struct {
		Codebook string
		Baseline float64
		Trained  float64
	}
	if err := json.Unmarshal([]byte(out), &t); err != nil {
		return 0, err
	}
	agreement, err := l.mythos(ctx, "codebook", "propose", t.Codebook, "--to", "other", "-o", "offer.bin")
	if err != nil {
		return 0, err
	}
	for _, args := range [][]string{{"--repo", "peer", "codebook", "accept", "offer.bin", "-o", "accepted.bin"}, {"codebook", "accept", "accepted.bin"}} {
		if agreement, err = l.mythos(ctx, args...); err != nil {
			return 0, err
		}
	}
	size, err := l.probe(ctx)
	l.books = append(l.books, book{agreement, size})
	return 1 - t.Trained/t.Baseline, err
}

// probe returns the size of a packet to the peer: always of the same program, under the present codebook. The peer
// accepts it.
func (l *loop) probe(ctx context.Context) (int, error) {
	if _, err := l.mythos(ctx, "packet", "pack", "day1.bundle", "--for", "other", "--guard=false", "-o", "probe.mythosx"); err != nil {
		return 0, err
	}
	if _, err := l.mythos(ctx, "--repo", "peer", "packet", "verify", "probe.mythosx"); err != nil {
		return 0, err
	}
	st, err := os.Stat(filepath.Join(l.dir, "probe.mythosx"))
	if err != nil {
		return 0, err
	}
	return int(st.Size()), nil
}

// undoInstant removes the last day from the index and takes the newest codebook out of use, checks that both are as on
// the day before, and adds the day to the index again.
func (l *loop) undoInstant(ctx context.Context) error {
	if _, err := l.mythos(ctx, "index", "rollback", "memory"); err != nil {
		return err
	}
	before, err := l.recall(ctx)
	if err != nil {
		return err
	}
	if want := l.points[len(l.points)-2].instant; before != want {
		return fmt.Errorf("the index rolled back says %.3f, it said %.3f the day before", before, want)
	}
	if _, err := l.mythos(ctx, "index", "update", "memory", fmt.Sprintf("@corpus/day%d", l.days)); err != nil {
		return err
	}
	newest, old := l.books[len(l.books)-1], l.books[len(l.books)-2]
	if _, err := l.mythos(ctx, "codebook", "rm", newest.agreement); err != nil {
		return err
	}
	size, err := l.probe(ctx)
	if err == nil && size != old.probe {
		err = errors.New("packets are not what they were before the newest codebook")
	}
	return err
}
