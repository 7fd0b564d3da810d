// Package supervise ends all descendants of a program together with the program.
//
// The parent of every program that is started here is a supervisor: this same binary, started again, which does nothing
// else. The kernel makes the supervisor the parent of every descendant that loses its parent (PR_SET_CHILD_SUBREAPER),
// even one that left its process group or its session. The supervisor kills them all
//
//   - when the program has ended,
//   - when its deadline has passed,
//   - when the process that started it says so, or has itself ended in any way.
//
// If the supervisor is killed, the kernel kills the program.
//
// A supervisor holds the lock of an attempt ([Spec.Alive]) until the last of the family has ended; it can be given more
// locks while the program runs ([Process.Hold]). A supervisor whose program has ended can run another one: [Pool] holds
// them ready.
//
// A program is executed from a descriptor that was checked before, never by its path. It gets the descriptors 0, 1 and
// 2, those in [Spec.Files], and no others. With [Spec.Confine] it runs in a Landlock domain and under a seccomp filter
// (spec/tools.md#confinement-of-a-process).
//
// Every program that imports this package becomes a supervisor when its argument zero is [name] and descriptor 3 is a
// socket. See docs/rationale.md#why-a-supervisor.
package supervise

// name is argument zero of a supervisor.
const name = "mythos-supervise"

// FirstFile is the program's number of the first descriptor in [Spec.Files]. It is above those that scripts use for
// themselves.
const FirstFile = 60
