package repo

import (
	"github.com/mythos-project/mythos/internal/pins"
	"github.com/mythos-project/mythos/internal/recording"
)

// builtins registers the built-in effects.
func (r *Repo) builtins() {
	r.Datasets.Register()
	r.Learn.Register()
	r.Codebooks.Register()
	r.Indexes.Register()
	r.Freezer.Register()
	(&pins.Pins{ID: r.Identity, Gate: r.Gate, Store: r.Store}).Register()
	r.Cells.Register(r.Gate)
	r.Spawner.Register()
	r.Gate.Builtin("once", (&recording.Runner{Programs: r.programs, Tools: r.Tools, Blobs: r.Store}).Builtin())
}
