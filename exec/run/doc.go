// Package run runs tasks: an [Executor] runs a task of a bundle on the machine of package vm,
// and lets its effects happen through the gate of package exec (spec/evidence.md).
//
// A finished run leaves a [Record] and, when its task emits a trace, that as a blob and an
// EpisodeRef. [Executor.Replay] executes a recorded run over its recorded responses and
// reports the first difference. A pure task that ended well is not run again: its [Memo]
// leads to the run before. Keys:
//
//	e/r/<run id>   e/e/<episode>   run records, and which run an episode is of
//	e/m/1/<hash>                   memos of pure tasks
package run
