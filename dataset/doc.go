// Package dataset builds datasets from evidence, identically everywhere
// (spec/datasets.md).
//
// A corpus is a MerkleList of episode ids, ascending. A [DatasetDef] names corpora,
// a predicate over episodes and their signals, and a sampling; building it selects
// episode ids, and the MerkleList over them, ascending and unique, is the manifest.
// The same definition gives the same manifest on every machine, whatever the
// parallelism, the order in which things arrived, or the cache.
//
// # Selection
//
// Corpora are streamed in ascending order of their roots. An episode that stands in
// several counts once, where it stands first. A corpus that is not strictly ascending
// is read in its own order, with a warning. From the episodes for which the predicate
// holds, sampling takes ALL, the FIRST_N in streaming order, or the HASH_N smallest by
//
//	U64be(SHA-256(seed || id)[:8]), ties by id ascending
//
// where seed and id are the raw 32 bytes. Strata, where given, replace sampling: the
// episodes are put into buckets by the value of an episode field, and each bucket
// keeps its HASH_N under the seed SHA-256(seed || canonical(value)). A missing value
// is the empty byte string (05 00).
//
// # Paths
//
// A path descends by field number, from EpisodeRef (2, 1, 2 is the size of the trace)
// or from Signal. Where it leads to no scalar, the value is missing. Two segments are
// ours; neither can be a field number of these structs:
//
//   - The path 5 of a signal is its value, decoded as value_kind says, and 5, T is the
//     value of the signals of type T only: "a reward of at least 1" is one comparison
//     and so speaks of one signal. 5, 0 is the same as 5.
//   - A last segment 0 stands for the SHA-256 of the canonical encoding of what stands
//     there, so that texts and bytes, which no operand can hold, can be compared for
//     equality; of an AgentID it is the key id, which leaves the hint out. 5, T, 0 is
//     the hash of the signal's value_bytes.
//
// A path rooted at Signal is existential: a comparison holds when some signal of the
// episode that is seen satisfies it; each comparison picks its own, and NE is NOT EQ.
// Signals are seen when their signature verifies and, where the definition pins signal
// logs (field 6, ours), when one of them lists the signal's id.
//
// # Memory
//
// A build holds N ids for FIRST_N and HASH_N, N a bucket for strata, and what is
// selected for ALL. A corpus that is not ascending costs the ids of all corpora in
// memory besides, and a predicate over signals the ids of the pinned signal logs.
package dataset
