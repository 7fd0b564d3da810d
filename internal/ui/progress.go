package ui

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Progress shows the progress of a long operation, with rate and time left, on a terminal; elsewhere it only counts.
type Progress struct {
	container *mpb.Progress
	bar       *mpb.Bar
	done      atomic.Int64
	total     atomic.Int64
}

// Bytes starts a progress display over total bytes; total 0 means unknown: then it shows only the amount done and the
// rate.
func (s *Streams) Bytes(label string, total int64) *Progress {
	return s.progress(label, total, average(func(perSecond float64) string { return Size(uint64(perSecond)) + "/s" }),
		known(decor.Counters(decor.SizeB1024(0), "% .1f / % .1f"), decor.Current(decor.SizeB1024(0), "% .1f")))
}

// Count starts a progress display over total things; total 0 means unknown.
func (s *Streams) Count(label string, total int64) *Progress {
	return s.progress(label, total, average(func(perSecond float64) string { return fmt.Sprintf("%.0f/s", perSecond) }), known(decor.CountersNoUnit("%d / %d"), decor.CurrentNoUnit("%d")))
}

// known shows one thing if the total is known, and another if it is not.
func known(with, without decor.Decorator) decor.Decorator {
	return decor.Any(func(st decor.Statistics) string {
		d := with
		if st.Total <= 0 {
			d = without
		}
		text, _ := d.Decor(st)
		return text
	})
}

// knownBar leaves the bar out while the total is unknown.
func knownBar(bar mpb.BarFiller) mpb.BarFiller {
	return mpb.BarFillerFunc(func(w io.Writer, st decor.Statistics) error {
		if st.Total <= 0 {
			return nil
		}
		return bar.Fill(w, st)
	})
}

// average shows the rate since the start. It is also on the last line, however early that comes.
func average(format func(perSecond float64) string) decor.Decorator {
	start, final := time.Now(), ""
	return decor.Any(func(st decor.Statistics) string {
		if final != "" {
			return final
		}
		text := format(float64(st.Current) / max(time.Since(start).Seconds(), 1e-3))
		if st.Completed {
			final = text
		}
		return text
	})
}

func (s *Streams) progress(label string, total int64, speed, counters decor.Decorator) *Progress {
	p := &Progress{}
	p.total.Store(total)
	if !s.ErrTTY || s.Quiet {
		return p
	}
	p.container = mpb.New(mpb.WithOutput(s.Err), mpb.WithWidth(30), mpb.WithRefreshRate(120*time.Millisecond))
	p.bar = p.container.AddBar(total,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(label+" "), counters),
		mpb.BarFillerMiddleware(knownBar),
		mpb.AppendDecorators(speed, decor.Name(" "), known(decor.AverageETA(decor.ET_STYLE_GO), decor.Name(""))))
	return p
}

// Add advances the display by n. It may be called from many goroutines.
func (p *Progress) Add(n int64) {
	p.done.Add(n)
	if p.bar != nil {
		p.bar.IncrInt64(n)
	}
}

// Total adds to the total, if more becomes known on the way.
func (p *Progress) Total(n int64) {
	if total := p.total.Add(n); p.bar != nil {
		p.bar.SetTotal(total, false)
	}
}

// Done returns the sum of what was added so far.
func (p *Progress) Done() int64 { return p.done.Load() }

// Stop removes the display.
func (p *Progress) Stop() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	p.container.Wait()
}
