package modelcmd

import (
	"strings"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/model/why"
)

// watch shows the progress that tools report on standard error: a bar on a terminal, elsewhere a note, at most one per
// second.
func watch(f *cmdutil.Factory, what string) (m exec.Manner, done func()) {
	w := &watcher{io: f.IO, what: what}
	return exec.Manner{Stderr: &train.LineWriter{Line: w.line}}, w.stop
}

type watcher struct {
	io   *ui.Streams
	what string
	bar  *ui.Progress
	seen uint64
	last time.Time
}

func (w *watcher) line(text string) {
	p, ok := train.ParseProgress(text)
	if !ok {
		w.io.Debugf("%s: %s", w.what, strings.TrimSpace(why.OneLine(text)))
		return
	}
	if w.io.ErrTTY && !w.io.Quiet {
		if w.bar == nil {
			w.bar = w.io.Count(w.what, int64(p.Total))
		}
		w.bar.Add(int64(p.Done - min(p.Done, w.seen)))
		w.seen = max(w.seen, p.Done)
		return
	}
	if time.Since(w.last) < time.Second && p.Done != p.Total {
		return
	}
	w.last = time.Now()
	w.io.Notef("%s %d/%d %s", w.what, p.Done, p.Total, why.OneLine(p.Note))
}

func (w *watcher) stop() {
	if w.bar != nil {
		w.bar.Stop()
	}
}
