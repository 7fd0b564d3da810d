// Package run runs tasks: an [Executor] runs a task of a bundle on the virtual machine of package vm. Its effects go
// through the gate of package exec (spec/evidence.md).
//
// A finished run leaves a [Record]. If its task emits a trace, the run also leaves the trace as a blob and an
// EpisodeRef. [Executor.Replay] executes a recorded run over its recorded responses and reports the first difference. A
// pure task that succeeded is not run again: its [Memo] leads to the earlier run. Keys:
//
//	e/r/<run id>   e/e/<episode>   run records, and which run an episode is of
//	e/m/1/<hash>                   memos of pure tasks
package run
