// Package dataset builds datasets from evidence, identically everywhere
// (spec/datasets.md).
//
// A corpus is a MerkleList of episode ids. A [DatasetDef] names corpora, a
// predicate over episodes and their signals, and a sampling; building it selects
// episode ids, and the MerkleList over them, ascending, is the manifest. The same
// definition gives the same manifest on every machine, whatever the parallelism,
// the order in which things arrived, or the cache.
//
// A path that is rooted at the episode descends by the field numbers of EpisodeRef
// (2, 1, 2 is the size of the trace); one that is rooted at a signal by those of
// Signal, where 5 is the signal's value and 5, T, ours, is the value of the signals
// of type T.
package dataset
