package object

import "github.com/mythos-project/mythos/object/can"

// TraceRef names a run's trace and the receipts of its effects, in order.
type TraceRef struct {
	TraceBlob  BlobRef `can:"1,trace_blob"`
	ReceiptIDs []Hash  `can:"2,receipt_ids"`
}

// EpisodeRef is one run as evidence: what happened, in which context, with which
// outcome. The context hash names the task that ran, the outcome hash its result.
type EpisodeRef struct {
	EpisodeID    Hash     `can:"1,episode_id"`
	TraceRef     TraceRef `can:"2,trace_ref"`
	ContextHash  Hash     `can:"3,context_hash"`
	OutcomeHash  Hash     `can:"4,outcome_hash"`
	TimeObserved Time     `can:"5,time_observed"`
}

// EpisodeRule leaves the episode's own id out of it.
var EpisodeRule = Rule{Mask: can.Mask{1: nil}, IDField: 1}
