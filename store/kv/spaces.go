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
	Packed  = "i/" // <hash>: where a small byte string lies in a pack
	Trash   = "y/" // <key>: what a collection took away, for a while
	Marks   = "g/" // <hash>: marks of collections

	// package caps

	Usage       = "q/"  // <capability>: what was charged
	Revocations = "v/"  // <capability>: the canonical Revocation
	IssuePolicy = "ip/" // current: the issuance policy

	// package ledger

	LedgerEnd       = "l/n"  // the number of entries
	LedgerSegments  = "l/e/" // <number>: entries, in segments
	LedgerTiles     = "l/t/" // <level>/<number>: tiles of the Merkle tree
	LedgerHistories = "l/i/" // <effect>: entries of an effect
	LedgerReceipts  = "l/r/" // <receipt>: the entry of a receipt
	LedgerTools     = "l/u/" // <tool>: tools that were used
	LedgerRenewals  = "l/b/" // <effect>: when an attempt was renewed
	Witnessed       = "l/w/" // <log>: the newest checkpoint that was cosigned

	// package exec

	ToolsByID      = "t/i/"  // <tool>: the canonical Tool
	ToolsByName    = "t/n/"  // <name>: the tool that has the name
	Runs           = "e/r/"  // <run>: the canonical RunRecord
	RunsOfEpisodes = "e/e/"  // <episode>: the run that left it
	Memos          = "e/m/"  // <version>/<task>: what a pure task gave
	Cells          = "cell/" // <cell>/...: events, and what is known of a cell
	Holds          = "e/h"   // what is frozen, and the newest hold
	Approvals      = "e/aw/" // <wish>: a request for approval, and what people said
	ApprovalIDs    = "e/ai/" // <request>: where it is kept
	ApprovalKeys   = "e/ak/" // <wish without its key>: the key that was made up for it

	// package dataset

	Signals = "s/" // <episode>/<signal>: index of signals

	// package model

	Rings         = "m/ring/"     // <ring>: the RingState
	RingHolds     = "m/hold/"     // <ring>: the newest hold
	RingPolicies  = "m/policy/"   // <ring>: the policy in force
	RingPolicyLog = "m/policies/" // <ring>/<number>: the policies that were in force
	RingLog       = "m/log/"      // <ring>/<number>: the records of a ring
	Promotions    = "m/id/"       // <record>: the record itself
	Indexes       = "m/index/"    // <name>: the state of an index
	AboutModels   = "m/of/"       // <model>/<kind>/<id>: what is about a model

	// the repository and its peers

	Tasks              = "w/task/"               // <packet>: a submitted task, in JSON
	TaskPackets        = "w/taskp/"              // <packet>: its packet, until it ended
	TaskAnswers        = "w/taska/"              // <packet>: its answer
	TaskCancels        = "w/taskx/"              // <packet>: that it is to end
	OpenTasks          = "w/tasko/"              // <packet>: the server that has it, until it ended
	SeenPackets        = "w/seen/"               // <nonce>: when the nonce of a packet expires
	SeenRequests       = "w/nonce/"              // <nonce>: when the nonce of a signed request expires
	SentPackets        = "w/sent/"               // <packet>: what was sent to a peer, in JSON
	Brought            = "w/brought/"            // <capability>/...: what was brought under a capability
	Peers              = "w/peer/"               // <name>: a peer, by its name here
	Payments           = "w/paid/"               // <effect>: what the attempt of an agent elsewhere was charged to
	Asked              = "w/asked/"              // <token or nonce>: what was issued for it
	ChargedThere       = "w/there/"              // <capability>: uses of it are counted by a ledger elsewhere
	FarLedgers         = "w/far/"                // <url>: the last checkpoint of a ledger elsewhere
	Owed               = "w/owed/"               // <url's hash>/<hash>: what a ledger elsewhere is to be told
	Summary            = "w/summary"             // the summary of what is here
	Agreements         = "w/codebook/agreement/" // <codebook>/<agreement>: the canonical CodebookAgreement
	OfferedCodebooks   = "w/codebook/offered/"   // <agreement>: the canonical Codebook of a proposal
	WithdrawnCodebooks = "w/codebook/withdrawn/" // <agreement>: when it may be offered again
	CodebooksChanged   = "w/codebook/changed"    // another value after each change
	Awaited            = "mcp/o/"                // <call>/<key>: a call of an agent that has not had its answer yet
	Awaiting           = "mcp/b/"                // <agent>/<process>: a process that has such records
	Declared           = "hook/"                 // <call>/<effect>: a call of a harness that was allowed and has no outcome yet
	Published          = "mcp/p/"                // <agent>/<cid>: a blob that the agent published
	AgentTokens        = "mcp/t/"                // <sha-256 of its text>: whose bearer token it is, and until when
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
	Signals,
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
