package kv

// The key spaces of a repository, by who writes them.
const (
	// package store

	Blobs   = "b/" // <cid>: the canonical BlobRef
	Nodes   = "n/" // <cid>: a Merkle node, or one of a tree of files
	Objects = "o/" // <id>: an object: kind, zero byte, canonical bytes
	Kinds   = "k/" // <kind>/<id>: index of objects by kind
	Refs    = "r/" // <name>: a ref: the digest of what it names
	Pins    = "p/" // <cid>: the canonical Pin
	Bytes   = "c/" // <hash>: a small byte string
	Packed  = "i/" // <hash>: place of a small byte string in a pack
	Trash   = "y/" // <key>: what a collection deleted recently
	Marks   = "g/" // <hash>: marks of collections

	// package caps

	Usage       = "q/"  // <capability>: amounts charged
	Revocations = "v/"  // <capability>: the canonical Revocation
	IssuePolicy = "ip/" // current: the issuance policy

	// package ledger

	LedgerEnd       = "l/n"  // the right edge of the log
	LedgerSegments  = "l/e/" // <number>: entries, in segments
	LedgerTiles     = "l/t/" // <level>/<number>: tiles of the Merkle tree
	LedgerHistories = "l/i/" // <effect>: entries of an effect
	LedgerReceipts  = "l/r/" // <receipt>: the entry of a receipt
	LedgerTools     = "l/u/" // <tool>: tools that were used
	LedgerRenewals  = "l/b/" // <effect>: until when the lease of an attempt was renewed
	LedgerPublished = "l/c/" // the last checkpoint that was published, and one that is ahead of the log
	Witnessed       = "l/w/" // <log>: the last checkpoint that was cosigned

	// package exec

	ToolsByID      = "t/i/"  // <tool>: the canonical Tool
	ToolsByName    = "t/n/"  // <name>: the tool that has the name
	Runs           = "e/r/"  // <run>: the canonical RunRecord
	RunsOfEpisodes = "e/e/"  // <episode>: the run that produced it
	Memos          = "e/m/"  // <version>/<task>: the result of a pure task
	Cells          = "cell/" // <cell>/...: events and state of a cell
	Holds          = "e/h"   // what is frozen, and the newest hold
	Approvals      = "e/aw/" // <wish>: a request for approval and people's decisions
	ApprovalIDs    = "e/ai/" // <request>: key of the request
	ApprovalKeys   = "e/ak/" // <wish without its key>: the key that was generated for it
	Notices        = "e/an/" // <request>: that a receiver has to be told of it
	GivenUp        = "e/ag/" // <request>: why no receiver was told of it

	// package dataset

	Signals = "s/" // <episode>/<signal>: index of signals

	// package dataset/pages

	EpisodePages   = "d/e/" // <digits>/<first digits of ids>: copies of episodes
	SignalPages    = "d/s/" // <digits>/<first digits of ids>: copies of episodes' signals
	SignalsChanged = "d/c/" // <episode>: signals came that its page does not have

	// package model

	Rings         = "m/ring/"     // <ring>: the RingState
	RingHolds     = "m/hold/"     // <ring>: the newest hold
	RingPolicies  = "m/policy/"   // <ring>: the policy in force
	RingPolicyLog = "m/policies/" // <ring>/<number>: the policies that were in force
	RingLog       = "m/log/"      // <ring>/<number>: the records of a ring
	Promotions    = "m/id/"       // <record>: the record itself
	Indexes       = "m/index/"    // <name>: the state of an index
	AboutModels   = "m/of/"       // <model>/<kind>/<id>: records about a model

	// the repository and its peers

	Tasks              = "w/task/"               // <packet>: a submitted task, in JSON
	TaskPackets        = "w/taskp/"              // <packet>: its packet, until the task ends
	TaskAnswers        = "w/taska/"              // <packet>: its answer
	TaskCancels        = "w/taskx/"              // <packet>: a request to cancel the task
	OpenTasks          = "w/tasko/"              // <packet>: the server that runs the task, until the task ends
	SeenPackets        = "w/seen/"               // <nonce>: when the nonce of a packet expires
	SeenRequests       = "w/nonce/"              // <nonce>: when the nonce of a signed request expires
	SentPackets        = "w/sent/"               // <packet>: a packet sent to a peer, in JSON
	Brought            = "w/brought/"            // <capability>/...: data that was brought under a capability
	Peers              = "w/peer/"               // <name>: a peer, by its name here
	Payments           = "w/paid/"               // <effect>: the charge for an attempt of a remote agent
	Asked              = "w/asked/"              // <token or nonce>: the capability issued for it
	ChargedThere       = "w/there/"              // <capability>: a remote ledger counts its uses
	FarLedgers         = "w/far/"                // <url>: the last checkpoint of a remote ledger
	Owed               = "w/owed/"               // <url's hash>/<hash>: what to tell a remote ledger
	Summary            = "w/summary"             // the summary of the repository
	Agreements         = "w/codebook/agreement/" // <codebook>/<agreement>: the canonical CodebookAgreement
	OfferedCodebooks   = "w/codebook/offered/"   // <agreement>: the canonical Codebook of a proposal
	WithdrawnCodebooks = "w/codebook/withdrawn/" // <agreement>: when it may be offered again
	CodebooksChanged   = "w/codebook/changed"    // changes with every change of the above
	Awaited            = "mcp/o/"                // <call>/<key>: a call of an agent that has no answer yet
	Awaiting           = "mcp/b/"                // <agent>/<process>: a process that has such records
	Declared           = "hook/"                 // <call>/<effect>: a harness's call that was allowed and has no outcome yet
	Published          = "mcp/p/"                // <agent>/<cid>: a blob that the agent published
	AgentTokens        = "mcp/t/"                // <sha-256 of its text>: owner and expiry of a bearer token
)

// Spaces lists every key space, or single key, once.
var Spaces = []string{
	Blobs,
	Nodes,
	Objects,
	Kinds,
	Refs,
	Pins,
	Bytes,
	Packed,
	Trash,
	Marks,
	Usage,
	Revocations,
	IssuePolicy,
	LedgerEnd,
	LedgerSegments,
	LedgerTiles,
	LedgerHistories,
	LedgerReceipts,
	LedgerTools,
	LedgerRenewals,
	LedgerPublished,
	Witnessed,
	ToolsByID,
	ToolsByName,
	Runs,
	RunsOfEpisodes,
	Memos,
	Cells,
	Holds,
	Approvals,
	ApprovalIDs,
	ApprovalKeys,
	Notices,
	GivenUp,
	Signals,
	EpisodePages,
	SignalPages,
	SignalsChanged,
	Rings,
	RingHolds,
	RingPolicies,
	RingPolicyLog,
	RingLog,
	Promotions,
	Indexes,
	AboutModels,
	Tasks,
	TaskPackets,
	TaskAnswers,
	TaskCancels,
	OpenTasks,
	SeenPackets,
	SeenRequests,
	SentPackets,
	Brought,
	Peers,
	Payments,
	Asked,
	ChargedThere,
	FarLedgers,
	Owed,
	Summary,
	Agreements,
	OfferedCodebooks,
	WithdrawnCodebooks,
	CodebooksChanged,
	Awaited,
	Awaiting,
	Declared,
	Published,
	AgentTokens,
}
