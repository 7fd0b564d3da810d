// Package supervise ends the whole family of a program with the program.
//
// A program that is started here has a supervisor for its parent: this very binary,
// started again, which does nothing else. The kernel gives the supervisor every
// descendant that loses its parent (PR_SET_CHILD_SUBREAPER), also one that left its
// process group or its session. The supervisor kills them all
//
//   - when the program has ended,
//   - when its deadline has passed,
//   - when the process that started it says so, or has ended itself, however.
//
// If the supervisor is killed, the kernel kills the program.
//
// A supervisor holds the lock of an attempt ([Spec.Alive]) until the last of the family
// has ended; further ones it is given while the program runs ([Process.Hold]). One whose program has ended takes the next one: [Pool] keeps them.
//
// A program is executed by a descriptor, which was checked before, never by its path.
// It gets the descriptors 0, 1 and 2, those in [Spec.Files], and no other. With
// [Spec.Confine] it runs in a Landlock domain and below a seccomp filter
// (spec/tools.md#confinement-of-a-process).
//
// Every program that imports this package becomes a supervisor when its argument zero
// is [name] and descriptor 3 is a socket. See docs/rationale.md#why-a-supervisor.
package supervise

// name is argument zero of a supervisor.
const name = "mythos-supervise"

// FirstFile is the number of the first descriptor of [Spec.Files] in the program. It is
// above what scripts use for themselves.
const FirstFile = 60
