package datasetcmd

import (
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/object"
)

// built is the result of a dataset's build.
type built struct {
	Manifest object.Hash `json:"manifest"`
	Count    uint64      `json:"count"`   // episodes in it
	Seen     uint64      `json:"seen"`    // episodes in its corpora
	Matched  uint64      `json:"matched"` // episodes that the query selects
	DefID    object.Hash `json:"dataset_def_id"`
	Receipt  object.Hash `json:"receipt"`
}

// diffLine is an episode that only one of two datasets has.
type diffLine struct {
	Change  string      `json:"change"` // "+" added, "-" removed
	Episode object.Hash `json:"episode"`
	Reason  string      `json:"reason,omitempty"` // why the other one lacks it, if its definition is here
}

// verified is a dataset that a rebuild has reproduced.
type verified struct {
	OK       bool        `json:"ok"`
	Manifest object.Hash `json:"manifest"`
	Count    int         `json:"count"`
}

// exported is the exported data, and its receipt.
type exported struct {
	Files   []datasets.ExportedFile `json:"files"`
	Receipt object.Hash             `json:"receipt"`
	Signals *object.Hash            `json:"signals,omitempty"` // the list of signals from which pairs were made
}

// scored is the result of a scorer.
type scored struct {
	Episodes int `json:"episodes"`
	Scored   int `json:"scored"`
	Replayed int `json:"replayed"`
	Signals  int `json:"signals"`
}

// snapshotted is a new corpus or list of signals.
type snapshotted struct {
	Root  object.Hash `json:"root"`
	Count uint64      `json:"count"`
}

// importDone is the corpus of an import, and what was not imported.
type importDone struct {
	Root    object.Hash    `json:"root"`
	Count   uint64         `json:"count"` // episodes
	Calls   int            `json:"calls"`
	Signals int            `json:"signals"`
	LeftOut int            `json:"left_out"`         // records
	Lost    []foreign.Loss `json:"lost,omitempty"`   // what was not understood
	Passed  []foreign.Loss `json:"passed,omitempty"` // what does not belong to the form
}

// listLine is a stored corpus or manifest.
type listLine struct {
	Root object.Hash `json:"root"`
}

// idLine is an episode that a manifest selects.
type idLine struct {
	EpisodeID object.Hash `json:"episode_id"`
}

var datasetResults = cmdutil.Results{
	"build":  cmdutil.Document(built{}),
	"ids":    cmdutil.JSONLines(idLine{}),
	"verify": cmdutil.Document(verified{}),
	"show":   cmdutil.Document(dataset.DatasetRef{}, explained{}),
	"ls":     cmdutil.JSONLines(listLine{}),
	"diff":   cmdutil.JSONLines(diffLine{}),
	"export": cmdutil.Document(exported{}),
}

var (
	episodeResults = cmdutil.Results{"ls": cmdutil.JSONLines(object.EpisodeRef{}), "show": cmdutil.Document(object.EpisodeRef{}), "import": cmdutil.Document(importDone{}), "redact": cmdutil.Document(snapshotted{})}
	scoreResults   = cmdutil.Results{"": cmdutil.Document(scored{})}
	corpusResults  = cmdutil.Results{"snapshot": cmdutil.Document(snapshotted{}), "signals": cmdutil.Document(snapshotted{}), "ls": cmdutil.JSONLines(listLine{})}
)
