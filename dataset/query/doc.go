// Package query is the query language for episodes. It compiles a text to a predicate ([Parse]), writes a predicate as
// text ([Decompile]) and evaluates one over an episode, its receipts and its signals ([Env]). See
// spec/datasets.md#queries.
//
// # Paths
//
// A path descends by field number, from EpisodeRef (2, 1, 2 is the size of the trace) or from Signal. If it does not
// lead to a scalar, the value is missing. Two segments are our own; neither can be a field number of these structs:
//
//   - The path 5 of a signal is its value, decoded as value_kind says, and 5, T is the
//     value of the signals of type T only: "a reward of at least 1" is one comparison
//     and so speaks of one signal. 5, 0 is the same as 5.
//   - A last segment 0 stands for the SHA-256 of the canonical encoding of what stands
//     there, so that texts and bytes, which no operand can hold, can be compared for
//     equality; of an AgentID it is the key id, which leaves the hint out. 5, T, 0 is
//     the hash of the signal's value_bytes.
//
// A path rooted at Signal is existential: a comparison holds if some visible signal of the episode satisfies it; each
// comparison picks its own, and NE is NOT EQ. A signal is visible if its signature verifies and, where the definition
// pins signal logs (field 6, our addition), one of them lists its id.
package query
