package repo

import (
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/embedding"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/freeze"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/pool"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/internal/upkeep"
	"github.com/mythos-project/mythos/ledger/epoch"
)

// wire gives each package what it needs: a package knows only those before it.
func (r *Repo) wire() {
	id := r.Identity
	r.Auth = &authority.Authority{ID: id, DB: r.DB, Store: r.Store, Ledger: r.Ledger, Gate: r.Gate, Verifier: r.Verifier, Quotas: r.Quotas,
		Revocations: r.Revocations, Policies: r.Policies, RequireCap: r.Config.RequireCap, Debugf: r.debugf}
	r.Toolbox = &toolbox.Toolbox{Tools: r.Tools, Gate: r.Gate, Store: r.Store, MCP: r.mcp, Wasm: r.wasm, Recorded: append(authority.Recorded, episodes.ImportEffect, epoch.Effect)}
	r.History = &history.History{ID: id, DB: r.DB, Store: r.Store, Ledger: r.Ledger, Toolbox: r.Toolbox}
	r.Peers = &peers.Peers{DB: r.DB}
	r.Find = &lookup.Finder{ID: id, Store: r.Store, Ledger: r.Ledger, Exec: r.Exec, Models: r.Models, Tools: r.Tools, Toolbox: r.Toolbox, History: r.History,
		Peers: r.Peers, Debugf: r.debugf}
	r.Episodes = &episodes.Episodes{ID: id, Store: r.Store, Gate: r.Gate, Source: r.Source, Toolbox: r.Toolbox, Auth: r.Auth, Rules: r.Config.Redact}
	r.Caller = &calls.Caller{ID: id, Store: r.Store, Ledger: r.Ledger, Gate: r.Gate, Exec: r.Exec, Models: r.Models, Auth: r.Auth, Episodes: r.Episodes}
	r.Datasets = &datasets.Datasets{ID: id, Gate: r.Gate, Store: r.Store, Source: r.Source, Auth: r.Auth, Caller: r.Caller, Episodes: r.Episodes, Toolbox: r.Toolbox, Find: r.Find}
	r.Learn = &learn.Learner{ID: id, Engine: r.engine, Store: r.Store, Ledger: r.Ledger, Gate: r.Gate, Tools: r.Tools, Models: r.Models, Auth: r.Auth, Caller: r.Caller,
		Datasets: r.Datasets, Toolbox: r.Toolbox, Folders: trees.Folders{Store: r.Store}, Busy: r.Config.Busy}
	embeds := &embedding.Embeddings{Gate: r.Gate, Store: r.Store, Ledger: r.Ledger, Source: r.Source, Auth: r.Auth, Toolbox: r.Toolbox, Episodes: r.Episodes}
	r.Indexes = &indexes.Indexes{ID: id, Embeds: embeds, Store: r.Store, Gate: r.Gate, Models: r.Models, Caller: r.Caller, Episodes: r.Episodes, Busy: r.Config.Busy}
	r.Codebooks = &codebook.Codebooks{ID: id, DB: r.DB, Store: r.Store, Gate: r.Gate, Exec: r.Exec, Models: r.Models, Caller: r.Caller}
	r.Freezer = &freeze.Freezer{ID: id, Gate: r.Gate, Caller: r.Caller, Holds: r.Holds}
	r.Holds.Name, r.Holds.Who = r.Toolbox.Name, id.ShortName
	r.Spawner = &spawn.Spawner{Gate: r.Gate, Store: r.Store, Caller: r.Caller}
	r.Packets = packets.New(packets.Packets{ID: id, DB: r.DB, Ledger: r.Ledger, Auth: r.Auth, Caller: r.Caller, Codebooks: r.Codebooks, Bundle: r.Spawner.Bundle})
	r.Tasks = &task.Tasks{ID: id, Engine: r.engine, DB: r.DB, Verifier: r.Verifier, Quotas: r.Quotas, Auth: r.Auth}
	r.Spawner.Workers = &pool.Pool{ID: id, Tasks: r.Tasks, Packets: r.Packets}
	r.Explain = &explain.Explainer{ID: id, Store: r.Store, Gate: r.Gate, Exec: r.Exec, Models: r.Models, Verifier: r.Verifier, Judge: r.Judge, Toolbox: r.Toolbox,
		Learn: r.Learn, Packets: r.Packets}
	r.Transfer = &transfer.Transfer{ID: id, DB: r.DB, Store: r.Store, Models: r.Models, Source: r.Source, Quotas: r.Quotas, Auth: r.Auth, Episodes: r.Episodes,
		Datasets: r.Datasets, Find: r.Find, Explain: r.Explain}
	r.Upkeep = &upkeep.Upkeep{ID: id, DB: r.DB, Store: r.Store, Ledger: r.Ledger, Exec: r.Exec, Tools: r.Tools, Running: r.Running, Cells: r.Cells, Quotas: r.Quotas,
		Source: r.Source, Auth: r.Auth, Indexes: r.Indexes, Approvals: r.Approvals, Packets: r.Packets, Tasks: r.Tasks, Transfer: r.Transfer}
}
