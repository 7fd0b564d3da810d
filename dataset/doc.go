// Package dataset builds datasets from evidence, identically everywhere (spec/datasets.md).
//
// A corpus is a MerkleList of episode ids, ascending. A [DatasetDef] names corpora, a predicate over episodes and their
// signals, and a sampling; building it selects episode ids, and the MerkleList over them, ascending and unique, is the
// manifest. The same definition gives the same manifest on every machine, whatever the parallelism, the order of
// arrival, or the cache.
//
// # Selection
//
// Corpora are streamed in ascending order of their roots. An episode in several corpora counts once, at its first
// place. A corpus that is not strictly ascending is read in its own order, with a warning. From the episodes for which
// the predicate holds, sampling takes ALL, the FIRST_N in streaming order, or the HASH_N smallest by
//
//	U64be(SHA-256(seed || id)[:8]), ties by id ascending
//
// where seed and id are the raw 32 bytes. Strata, if given, replace sampling: the episodes are put into buckets by the
// value of an episode field, and each bucket keeps its HASH_N under the seed SHA-256(seed || canonical(value)). A
// missing value is the empty byte string (05 00).
//
// # Memory
//
// A build holds N ids for FIRST_N and HASH_N, N per bucket for strata, and all selected ids for ALL. A corpus that is
// not ascending also costs the ids of all corpora in memory; a predicate over signals, the ids of the pinned signal
// logs.
package dataset
