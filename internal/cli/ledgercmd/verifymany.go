package ledgercmd

import (
	"bufio"
	"context"
	"fmt"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// many verifies a file with a line for each receipt, one line after the other. Each line has its verdicts; the worst
// one decides.
func (d *demands) many(ctx context.Context, f *cmdutil.Factory, name string, lines *bufio.Reader) error {
	var sum tally
	var broken, distrusted error // the first of each
	err := evidence.EachLine(lines, func(n int, line []byte, wrong error) error {
		v, id, err := d.line(ctx, f, line, wrong)
		sum.Receipts++
		if e, ok := clierr.As(err); err != nil && (!ok || e.Code == clierr.Invalid) {
			sum.Broken++
			if broken == nil {
				broken = fmt.Errorf("line %d: %w", n, err)
			}
			out := evidence.Broken(id, err)
			out.Line = n
			return f.Emit(out, func() { printBroken(f, out) })
		}
		if err != nil {
			return err
		}
		out, err := v.judged(ctx, f, d.keys)
		if err != nil {
			return err
		}
		out.Line = n
		sum.add(v, out)
		if !out.OK && distrusted == nil {
			distrusted = v.untrusted()
		}
		return f.Emit(out, func() { v.printShort(ctx, f, out) })
	})
	if err != nil {
		return err
	}
	if sum.Receipts == 0 {
		return clierr.New(clierr.Invalid, "%s: it contains no receipt", name).On(name)
	}
	sum.OK = sum.Good == sum.Receipts
	if err := f.Emit(sum, func() { sum.print(f) }); err != nil {
		return err
	}
	if broken != nil {
		return clierr.New(clierr.Invalid, "%s: %d of %s not intact: the first is %w", name, sum.Broken, units.Count(sum.Receipts, "receipt is", "receipts are"), broken).On(name)
	}
	return distrusted
}

// line opens a line and checks the demands. id is the line's own id, if it has one.
func (d *demands) line(ctx context.Context, f *cmdutil.Factory, line []byte, wrong error) (v finding, id *object.Hash, err error) {
	if wrong != nil {
		return v, nil, wrong
	}
	if v.Finding, id, err = evidence.FindLine(line, d.keys.Agents...); err == nil {
		err = d.met(ctx, f, v)
	}
	return v, id, err
}

func (t *tally) add(v finding, out evidence.Verdict) {
	if out.OK {
		t.Good++
	} else {
		t.Distrust++
	}
	at := v.Receipt.TimeObserved
	if t.First == nil || at < *t.First {
		t.First = &at
	}
	if t.Last == nil || at > *t.Last {
		t.Last = &at
	}
}

// printShort prints a receipt and the verdict in two lines.
func (v finding) printShort(ctx context.Context, f *cmdutil.Factory, out evidence.Verdict) {
	mark, word := ui.Good, "ok"
	if !out.OK {
		mark, word = ui.Warn, "not trusted"
	}
	said := map[string]string{}
	for _, w := range receiptWords(ctx, f.Opened(), v.Receipt) {
		said[w.About] = w.Text
	}
	f.IO.Printf("%s  %s  tool %s: %s\n", f.IO.Paint(mark, fmt.Sprintf("%-11s", word)), f.IO.Paint(ui.Dim, f.ShowTime(v.Receipt.TimeObserved)),
		ui.Clean(said["tool"]), said["status"])
	f.IO.Printf("             receipt %s  by %s  key %s\n", v.ID.Short(), ui.Clean(said["by"]), ui.Clean(said["key"]))
}

func printBroken(f *cmdutil.Factory, v evidence.Verdict) {
	about := fmt.Sprintf("line %d", v.Line)
	if v.Receipt != nil {
		about += ", receipt " + v.Receipt.Short()
	}
	f.IO.Printf("%s  %s\n             %s\n", f.IO.Paint(ui.Bad, "NOT INTACT "), about, ui.Clean(f.IO.Brief(v.Error)))
}

func (t *tally) print(f *cmdutil.Factory) {
	f.IO.Printf("%s: %d intact and trusted, %d intact but not trusted, %d not intact\n",
		units.Count(t.Receipts, "receipt"), t.Good, t.Distrust, t.Broken)
	if t.First != nil {
		f.IO.Printf("from %s to %s\n", f.ShowTime(*t.First), f.ShowTime(*t.Last))
	}
}
