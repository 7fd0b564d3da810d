package query

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Paged is what an Evidence may offer besides: pages with the values of many episodes.
type Paged interface {
	// Pages are those of episodes or of signals, by the root of a path.
	Pages(root uint8) pages.Pages
}

// PathsOf appends to list the fields that a predicate compares and that are not in it.
func PathsOf(e *ir.Expr, list ...ir.Path) []ir.Path {
	if e.Path != nil && !slices.ContainsFunc(list, func(p ir.Path) bool { return isPath(p, e.Path.Root, e.Path.Segments) }) {
		list = append(list, *e.Path)
	}
	for i := range e.Args {
		list = PathsOf(&e.Args[i], list...)
	}
	return list
}

func isPath(p ir.Path, root uint8, segments []uint32) bool {
	return p.Root == root && slices.Equal(p.Segments, segments)
}

// columnName names the column of a path, and pathOf is its inverse.
func columnName(p ir.Path) string {
	digits := make([]string, len(p.Segments))
	for i, s := range p.Segments {
		digits[i] = strconv.FormatUint(uint64(s), 10)
	}
	return strings.Join(digits, ".")
}

func pathOf(root uint8, name string) (ir.Path, error) {
	p := ir.Path{Root: root}
	for _, digits := range strings.Split(name, ".") {
		s, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return p, fmt.Errorf("column %q: %w", name, err)
		}
		p.Segments = append(p.Segments, uint32(s))
	}
	return p, nil
}

// valueColumn has the values at a path of the episodes that were read ahead.
type valueColumn struct {
	path   ir.Path
	values []ir.Scalar
	spans  []valueSpan // by position
}

// valueSpan is where the values of an episode lie.
type valueSpan struct {
	from, to int32
	known    bool
}

// addColumn makes room for the values at a path, where an earlier column was if possible.
func (a *readAhead) addColumn(path ir.Path) {
	var c valueColumn
	if n := len(a.columns); n < cap(a.columns) {
		c = a.columns[:n+1][n]
	}
	c.path, c.values, c.spans = path, c.values[:0], append(c.spans[:0], make([]valueSpan, len(a.ids))...)
	a.columns = append(a.columns, c)
}

// column is the values at a path, if they were in a page.
func (e *Env) column(root uint8, segments []uint32) ([]ir.Scalar, bool) {
	for i := range e.ahead.columns {
		if c := &e.ahead.columns[i]; e.at >= 0 && isPath(c.path, root, segments) {
			s := c.spans[e.at]
			return c.values[s.from:s.to], s.known
		}
	}
	return nil, false
}

// readPages reads the columns of paths with a root. Nil: pages do not help.
func (e *Env) readPages(root uint8, paths []ir.Path) *pages.Reading {
	p, ok := e.src.(Paged)
	if !ok {
		return nil
	}
	a, from := &e.ahead, len(e.ahead.columns)
	var names []string
	for _, path := range paths {
		if path.Root == root {
			names = append(names, columnName(path))
			a.addColumn(path)
		}
	}
	if names == nil {
		return nil
	}
	r, err := p.Pages(root).Read(e.ctx, a.ids, names, func(column, at int, parts []string) bool {
		return a.columns[from+column].take(at, parts, root, e.visible)
	})
	if err != nil {
		return nil // whoever reads the evidence meets it, too
	}
	return r
}

// take reads the values of an episode.
func (c *valueColumn) take(at int, parts []string, root uint8, visible *Visible) bool {
	from := len(c.values)
	for _, part := range parts {
		if root == ir.RootSignal {
			if len(part) < 32 {
				c.values = c.values[:from]
				return false
			}
			if visible != nil && !visible.Has(object.HashOf([32]byte([]byte(part[:32])))) {
				continue
			}
			part = part[32:]
		}
		v, ok := parseValue(part)
		if !ok {
			c.values = c.values[:from]
			return false
		}
		c.values = append(c.values, v)
	}
	c.spans[at] = valueSpan{int32(from), int32(len(c.values)), true}
	return true
}

// appendValue writes a value as pages have it: its kind, and a number in 8 bytes or what it consists of.
func appendValue(out []byte, v ir.Scalar) []byte {
	out = append(out, v.Kind())
	switch v.Kind() {
	case ir.KindI64, ir.KindU64, ir.KindBool:
		return binary.BigEndian.AppendUint64(out, v.Uint())
	case ir.KindHash:
		h := v.Hash()
		return append(out, h.Sum[:]...)
	}
	return append(out, v.Data()...)
}

// parseValue is the inverse of appendValue, and shares the text.
func parseValue(text string) (v ir.Scalar, ok bool) {
	if text == "" {
		return v, false
	}
	kind, text := text[0], text[1:]
	switch kind {
	case ir.KindI64, ir.KindU64, ir.KindBool:
		if len(text) != 8 {
			return v, false
		}
		var n uint64
		for i := range 8 {
			n = n<<8 | uint64(text[i])
		}
		switch kind {
		case ir.KindI64:
			return ir.I64Scalar(int64(n)), true
		case ir.KindU64:
			return ir.U64Scalar(n), true
		}
		return ir.BoolScalar(n == 1), n <= 1
	case ir.KindHash:
		if len(text) == 32 {
			return ir.HashScalar(object.HashOf([32]byte([]byte(text)))), true
		}
	case ir.KindText:
		return ir.TextScalar(text), true
	case ir.KindBytes:
		return ir.BytesScalar([]byte(text)), true
	}
	return v, false
}

// episodeParts is what a column has of an episode.
func episodeParts(raw []byte, path ir.Path) (parts []string, ok bool) {
	v, there, err := descend(raw, path.Segments)
	if there && err == nil {
		parts = []string{string(appendValue(nil, v))}
	}
	return parts, err == nil
}

// signalParts is what a column has of an episode's signals.
func signalParts(id object.Hash, raws [][]byte, path ir.Path) (parts []string, ok bool) {
	for _, raw := range raws {
		var s seenSignal
		if err := s.read(raw); err != nil {
			return nil, false
		}
		v, there, err := s.at(path.Segments)
		if err != nil {
			return nil, false
		}
		if there && s.EpisodeID == id {
			parts = append(parts, string(appendValue(slices.Clone(s.ID.Sum[:]), v)))
		}
	}
	return parts, true
}

// read is see, in any form.
func (s *seenSignal) read(raw []byte) error {
	if s.see(raw) { // its field rules were checked with its signature
		return nil
	}
	if err := can.Unmarshal(raw, s); err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return nil
}

// keepPages offers to the pages what was read from the evidence. Whether they take it changes nothing
// but the time that the next selection takes.
func (e *Env) keepPages(r *pages.Reading, root uint8) {
	var paths []ir.Path
	for i := range e.ahead.columns {
		if p := e.ahead.columns[i].path; p.Root == root {
			paths = append(paths, p)
		}
	}
	a := &e.ahead
	_ = r.Keep(e.ctx, func(column, at int) ([]string, bool) {
		if root == ir.RootSignal {
			return signalParts(a.ids[at], a.signals[at], paths[column])
		}
		if a.episodes[at].end == 0 {
			return nil, false
		}
		return episodeParts(a.episode(at), paths[column])
	})
}

// CheckPages compares what pages have with the evidence; report is told of each episode of which they have something
// else, and of each page that is not what its author signed, with the zero episode; page is the page's key. It returns how many pages there are.
func CheckPages(ctx context.Context, src interface {
	Evidence
	Paged
}, report func(page string, episode object.Hash, err error)) (count uint64, err error) {
	for _, root := range []uint8{ir.RootEpisode, ir.RootSignal} {
		n, err := src.Pages(root).Check(ctx, func(key, name string, row pages.Row) error {
			if err := checkRow(ctx, src, root, name, row); err != nil {
				report(key, row.ID, fmt.Errorf("page %s: %w", key, err))
			}
			return ctx.Err()
		}, func(key string) { report(key, object.Hash{}, errForged) })
		if count += n; err != nil {
			return count, err
		}
	}
	return count, nil
}

var errForged = errors.New("it is not what its author signed")

func checkRow(ctx context.Context, src Evidence, root uint8, name string, row pages.Row) error {
	path, err := pathOf(root, name)
	if err != nil {
		return err
	}
	var want []string
	ok := false
	if root == ir.RootSignal {
		raws, err := src.Signals(ctx, row.ID)
		if err != nil {
			return err
		}
		want, ok = signalParts(row.ID, raws, path)
	} else {
		raw, err := src.Episode(ctx, row.ID)
		if err != nil {
			return err
		}
		want, ok = episodeParts(raw, path)
	}
	if !ok || !slices.Equal(want, row.Parts) {
		return fmt.Errorf("it has other values of %s than the evidence of this episode", PathText(path))
	}
	return nil
}
