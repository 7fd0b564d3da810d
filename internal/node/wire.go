package node

import (
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/internal/upkeep"
)

// wire gives each room what it needs: a room knows those that come before it.
func (n *Node) wire() {
	id := n.Identity
	n.Auth = &authority.Authority{ID: id, DB: n.DB, Store: n.Store, Ledger: n.Ledger, Gate: n.Gate, Verifier: n.Verifier, Quotas: n.Quotas,
		Revocations: n.Revocations, Policies: n.Policies, RequireCap: n.Config.RequireCap, Debugf: n.debugf}
	n.Toolbox = &toolbox.Toolbox{Tools: n.Tools, Gate: n.Gate, Store: n.Store, MCP: n.mcp, Wasm: n.wasm, Recorded: append(authority.Recorded, episodes.ImportEffect)}
	n.History = &history.History{ID: id, DB: n.DB, Store: n.Store, Ledger: n.Ledger, Toolbox: n.Toolbox}
	n.Peers = &peers.Peers{DB: n.DB}
	n.Find = &lookup.Finder{ID: id, Store: n.Store, Ledger: n.Ledger, Exec: n.Exec, Models: n.Models, Tools: n.Tools, Toolbox: n.Toolbox, History: n.History,
		Peers: n.Peers, Debugf: n.debugf}
	n.Episodes = &episodes.Episodes{ID: id, Store: n.Store, Gate: n.Gate, Source: n.Source, Toolbox: n.Toolbox, Auth: n.Auth, Rules: n.Config.Redact}
	n.Caller = &calls.Caller{ID: id, Store: n.Store, Ledger: n.Ledger, Gate: n.Gate, Exec: n.Exec, Models: n.Models, Auth: n.Auth, Episodes: n.Episodes}
	n.Datasets = &datasets.Datasets{ID: id, Gate: n.Gate, Store: n.Store, Source: n.Source, Auth: n.Auth, Caller: n.Caller, Episodes: n.Episodes, Toolbox: n.Toolbox, Find: n.Find}
	n.Learn = &learn.Learner{ID: id, Engine: n.engine, Store: n.Store, Ledger: n.Ledger, Gate: n.Gate, Tools: n.Tools, Models: n.Models, Auth: n.Auth, Caller: n.Caller,
		Datasets: n.Datasets, Toolbox: n.Toolbox, Busy: n.Config.Busy}
	n.Indexes = &indexes.Indexes{ID: id, Store: n.Store, Gate: n.Gate, Models: n.Models, Caller: n.Caller, Episodes: n.Episodes, Busy: n.Config.Busy}
	n.Codebooks = &codebook.Codebooks{ID: id, DB: n.DB, Store: n.Store, Gate: n.Gate, Exec: n.Exec, Models: n.Models, Caller: n.Caller}
	n.Packets = packets.New(packets.Packets{ID: id, DB: n.DB, Ledger: n.Ledger, Auth: n.Auth, Caller: n.Caller, Codebooks: n.Codebooks})
	n.Tasks = &task.Tasks{ID: id, Engine: n.engine, DB: n.DB, Verifier: n.Verifier, Quotas: n.Quotas, Auth: n.Auth}
	n.Explain = &explain.Explainer{ID: id, Store: n.Store, Gate: n.Gate, Exec: n.Exec, Models: n.Models, Verifier: n.Verifier, Judge: n.Judge, Toolbox: n.Toolbox,
		Learn: n.Learn, Packets: n.Packets}
	n.Transfer = &transfer.Transfer{ID: id, DB: n.DB, Store: n.Store, Models: n.Models, Source: n.Source, Quotas: n.Quotas, Auth: n.Auth, Episodes: n.Episodes,
		Datasets: n.Datasets, Find: n.Find, Explain: n.Explain}
	n.Upkeep = &upkeep.Upkeep{ID: id, DB: n.DB, Store: n.Store, Ledger: n.Ledger, Exec: n.Exec, Tools: n.Tools, Running: n.Running, Cells: n.Cells, Quotas: n.Quotas,
		Source: n.Source, Auth: n.Auth, Indexes: n.Indexes, Packets: n.Packets, Tasks: n.Tasks, Transfer: n.Transfer}
}
