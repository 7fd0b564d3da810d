package repocmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/object"
)

// initialized is a repository that was made, or existed already.
type initialized struct {
	Repository string      `json:"repository"` // its .mythos folder
	KeyID      object.Hash `json:"key_id"`
	PublicKey  string      `json:"public_key"` // 64 hex digits
	Name       string      `json:"name"`
	Fresh      bool        `json:"fresh"`
}

// finding is a fault in the repository.
type finding struct {
	Kind  string      `json:"kind"`
	ID    object.Hash `json:"id,omitzero"`
	Name  string      `json:"name,omitempty"` // of a ref, a tool or a file
	Error string      `json:"error"`
}

// checked is the summary of fsck: the last line of its result.
type checked struct {
	OK      bool   `json:"ok"`
	Wrong   uint64 `json:"wrong"` // findings, without data that may never have been here
	Chunks  uint64 `json:"chunks"`
	Nodes   uint64 `json:"nodes"`
	Objects uint64 `json:"objects"`
	Blobs   uint64 `json:"blobs"`
	Entries uint64 `json:"ledger_entries"`
	Pages   uint64 `json:"pages"` // of values that selections read
}

// freed is what a garbage collection has freed, or with --dry-run would free.
type freed struct {
	Nodes    uint64 `json:"nodes"`
	Chunks   uint64 `json:"chunks"`
	Bytes    uint64 `json:"bytes"`
	Repacked uint64 `json:"repacked"` // packs of small things that were rewritten
	Waiting  uint64 `json:"waiting"`  // unreferenced, kept for their grace
	Wanted   uint64 `json:"wanted"`   // unreferenced, kept for a put that may be running
	Kept     uint64 `json:"kept"`     // reachable
	Memos    uint64 `json:"memos"`    // of tasks without effects, too old to be reused
	Pages    uint64 `json:"pages"`    // of values for selections that nobody reads any more
	DryRun   bool   `json:"dry_run"`

	Trash      uint64 `json:"trash"` // freed things that can still be restored
	TrashBytes uint64 `json:"trash_bytes"`
}

// versions describes this binary.
type versions struct {
	Version  string `json:"version"`
	Protocol string `json:"protocol"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
}

var (
	initResults    = cmdutil.Results{"": cmdutil.Document(initialized{})}
	migrateResults = cmdutil.Results{"": cmdutil.Document(migrated{})}
	fsckResults    = cmdutil.Results{"": cmdutil.JSONLines(finding{}, checked{})}
	gcResults      = cmdutil.Results{"": cmdutil.Document(freed{})}
	statusResults  = cmdutil.Results{"": cmdutil.Document(overview.Status{})}
	logResults     = cmdutil.Results{"": cmdutil.JSONLines(history.Event{}, overview.Row{})}
	versionResults = cmdutil.Results{"": cmdutil.Document(versions{})}
)
