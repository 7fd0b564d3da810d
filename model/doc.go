// Package model defines the records of the learning loop: how models are trained and measured, who vouches for them,
// and how they move up the rings and back (spec/learning.md).
//
//	RecipeDef  ──train──▶  ModelRef  ──eval──▶  EvalReport  ──verifier──▶  Attestation
//	                          │                                                │
//	                          └──────────────── promote ◀── PolicyDef ◀────────┘
//	                                              │
//	                                              ▼
//	                                   PromotionRecord, RingState
//
// [train.Run] and [train.Eval] run a job with a tool; they are the effects mythos.train and mythos.eval, and their
// receipts are the evidence. A [registry.Registry] stores the records. [registry.Registry.Vouch] is the work of a
// verifier. A promotion happens if six conditions hold, which [judge.Evaluate] judges only from its [judge.Evidence],
// in this order:
//
//	complete   weights and config are here, and every byte has its hash
//	trained    a trusted executor's receipt says that a training gave this model
//	evaluated  verifiers attest that it passed every suite of the policy
//	metrics    attested values meet the thresholds, also against the model in the ring
//	quorum     enough different verifiers signed it off
//	ring    the policy is in force and as strict as that of the ring below, the model comes from
//	           that ring, and the target of a rollback is here
//
// [registry.Registry.Promote] then writes record and pointer in one durable step. Package why walks from a ring, or
// from any object, down to capabilities and chunks and verifies every link.
//
// Metrics are integers; a name that ends in _micro counts millionths. Nothing here reads a clock or a random source:
// the registry supplies the time.
package model
