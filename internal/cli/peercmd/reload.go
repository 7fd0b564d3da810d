package peercmd

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
)

// limitFlags are the limits given as flags; they override the settings.
type limitFlags struct {
	Rate  float64
	Bytes string
	Tasks int

	set *pflag.FlagSet
}

func (l *limitFlags) add(set *pflag.FlagSet) {
	l.set = set
	set.Float64Var(&l.Rate, "rate", 50, "requests per second from one peer; bursts of ten times as many pass (peer_rate)")
	set.StringVar(&l.Bytes, "bytes", "0", "bytes per second that one peer may send, and receive, such as 10MiB; 0: no limit (peer_bytes)")
	set.IntVar(&l.Tasks, "tasks", 16, "tasks of one agent that may wait or run (peer_tasks)")
}

// over returns the effective limits: a flag, otherwise the setting. A flag must meet the rules of its setting.
func (l *limitFlags) over(c *config.Config) (peer.Limits, error) {
	rate, text, tasks := c.PeerRate, c.PeerBytes, c.PeerTasks
	if l.set.Changed("rate") {
		rate = l.Rate
	}
	if l.set.Changed("bytes") {
		text = l.Bytes
	}
	if l.set.Changed("tasks") {
		tasks = l.Tasks
	}
	for _, flag := range []struct {
		name, setting string
		value         any
	}{{"rate", "peer_rate", rate}, {"bytes", "peer_bytes", text}, {"tasks", "peer_tasks", tasks}} {
		if err := config.Check(flag.setting, flag.value); err != nil {
			return peer.Limits{}, clierr.Usagef("--%s %v: %w", flag.name, flag.value, err)
		}
	}
	bytes, err := units.ParseSize(text)
	return peer.Limits{Rate: rate, Bytes: bytes, Tasks: tasks}, err
}

// reloader applies changes of trust.yaml and config.yaml while a server runs.
type reloader struct {
	n      *repo.Repo
	s      *peer.Server
	limits *limitFlags
}

// lookEvery is how often the files are checked.
const lookEvery = time.Second

func (r *reloader) run(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	files := []string{filepath.Join(r.n.Dir, identity.TrustFile), filepath.Join(r.n.Dir, config.File)}
	was := stamps(files)
	if err := r.n.ReloadTrust(); err != nil { // it may have changed since the repository was opened
		r.log(identity.TrustFile, err)
	}
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-ticker.C:
		}
		now := stamps(files)
		if asked || now[0] != was[0] {
			r.log(identity.TrustFile, r.n.ReloadTrust())
		}
		if asked || now[1] != was[1] {
			r.log(config.File, r.reloadLimits())
		}
		was = now
	}
}

func (r *reloader) log(file string, err error) {
	if err != nil {
		r.s.Log.Error("read again, and not applied", "file", file, "error", err)
		return
	}
	r.s.Log.Info("read again", "file", file)
}

func (r *reloader) reloadLimits() error {
	c, err := config.Load(r.n.Dir)
	if err != nil {
		return err
	}
	l, err := r.limits.over(c)
	if err == nil {
		r.s.SetLimits(l)
	}
	return err
}

// stamp identifies a version of a file.
type stamp struct {
	size int64
	mod  time.Time
}

// stamps are those of files; zero for a missing file.
func stamps(files []string) [2]stamp {
	var out [2]stamp
	for i, name := range files {
		if info, err := os.Stat(name); err == nil {
			out[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}
