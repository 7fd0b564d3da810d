package node

// wire gives each room what it needs: a room knows those that come before it.
func (n *Node) wire() {
	id := n.Identity
	n.Auth = &Authority{ID: id, DB: n.DB, Store: n.Store, Ledger: n.Ledger, Gate: n.Gate, Verifier: n.Verifier, Quotas: n.Quotas,
		Revocations: n.Revocations, Policies: n.Policies, RequireCap: n.Config.RequireCap, Debugf: n.debugf}
	n.Toolbox = &Toolbox{Tools: n.Tools, Gate: n.Gate, Store: n.Store, MCP: n.mcp, Wasm: n.wasm, Recorded: recorded}
	n.History = &History{ID: id, DB: n.DB, Store: n.Store, Ledger: n.Ledger, Toolbox: n.Toolbox}
	n.Peers = &Peers{DB: n.DB}
	n.Find = &Finder{ID: id, Store: n.Store, Ledger: n.Ledger, Exec: n.Exec, Models: n.Models, Tools: n.Tools, Toolbox: n.Toolbox, History: n.History,
		Peers: n.Peers, Debugf: n.debugf}
	n.Episodes = &Episodes{ID: id, Store: n.Store, Gate: n.Gate, Source: n.Source, Toolbox: n.Toolbox, Auth: n.Auth, Rules: n.Config.Redact}
	n.Caller = &Caller{ID: id, Store: n.Store, Ledger: n.Ledger, Gate: n.Gate, Exec: n.Exec, Models: n.Models, Auth: n.Auth, Episodes: n.Episodes}
	n.Datasets = &Datasets{ID: id, Gate: n.Gate, Store: n.Store, Source: n.Source, Auth: n.Auth, Caller: n.Caller, Episodes: n.Episodes, Toolbox: n.Toolbox, Find: n.Find}
	n.Learn = &Learner{ID: id, Engine: n.engine, Store: n.Store, Ledger: n.Ledger, Gate: n.Gate, Tools: n.Tools, Models: n.Models, Auth: n.Auth, Caller: n.Caller,
		Datasets: n.Datasets, Toolbox: n.Toolbox, Busy: n.Config.Busy}
	n.Indexes = &Indexes{ID: id, Store: n.Store, Gate: n.Gate, Models: n.Models, Caller: n.Caller, Episodes: n.Episodes, Busy: n.Config.Busy}
	n.Codebooks = &Codebooks{ID: id, DB: n.DB, Store: n.Store, Gate: n.Gate, Exec: n.Exec, Models: n.Models, Caller: n.Caller}
	n.Packets = NewPackets(Packets{ID: id, DB: n.DB, Ledger: n.Ledger, Auth: n.Auth, Caller: n.Caller, Codebooks: n.Codebooks})
	n.Tasks = &Tasks{ID: id, DB: n.DB, Verifier: n.Verifier, Quotas: n.Quotas, Auth: n.Auth}
	n.Explain = &Explainer{ID: id, Store: n.Store, Gate: n.Gate, Exec: n.Exec, Models: n.Models, Verifier: n.Verifier, Judge: n.Judge, Toolbox: n.Toolbox,
		Learn: n.Learn, Packets: n.Packets}
	n.Transfer = &Transfer{ID: id, DB: n.DB, Store: n.Store, Models: n.Models, Source: n.Source, Quotas: n.Quotas, Auth: n.Auth, Episodes: n.Episodes,
		Datasets: n.Datasets, Find: n.Find, Explain: n.Explain}
	n.Upkeep = &Upkeep{ID: id, DB: n.DB, Store: n.Store, Ledger: n.Ledger, Exec: n.Exec, Tools: n.Tools, Running: n.Running, Cells: n.Cells, Quotas: n.Quotas,
		Source: n.Source, Auth: n.Auth, Indexes: n.Indexes, Packets: n.Packets, Tasks: n.Tasks, Transfer: n.Transfer}
}
