// Package caps implements capabilities: signed, attenuable grants of exactly one
// power for a limited time, checkable offline (spec/capabilities.md).
//
// A [Capability] names an issuer, a subject (who may use it), one [CapScope]
// (what), a window (when) and, when it was derived from another, its parent. A
// [Chain] is a capability with all its parents, the leaf first and the root last.
// A chain is good when
//
//   - it has 1 to 16 links, each with the id of its bytes and a signature by its
//     issuer, and each but the root names the next as its attenuation_parent;
//   - each child is allowed by its parent: the parent is delegable and its subject
//     issued the child (delegation), or the parent's issuer issued the child
//     (re-issue); a child is delegable only if its parent is; its window lies in
//     the parent's; its scope is of the same kind and a subset; a parent's
//     revocation_required is never dropped;
//   - the root's issuer is trusted for that kind of scope;
//   - not_before ≤ now < expires_at in every link;
//   - no link is on the revocation list of its own issuer or of one above it; for a
//     link that requires revocation checks, its issuer's list must be there and
//     young enough;
//   - the holder is the leaf's subject.
//
// The unknown denies: a field in a scope that this version does not know might
// narrow it, so such a chain parses but never verifies; likewise an unknown
// constraint.
//
// # Scopes
//
// Two scopes are compared field by field (see Within): named things must be
// equal, numbers no larger, lists subsets, ranges and prefixes inside. The
// largest value of a maximum (2^32-1 or 2^64-1) and an absent optional maximum
// mean no limit; such a maximum is not counted. An empty list of media or event types allows nothing.
// Media types may be patterns: "*/*", "image/*".
//
// # Constraints
//
// A tool.call scope may constrain the request, a JSON document of at most 4 MiB.
// Each constraint is a key OP:POINTER and a value; POINTER is a JSON pointer
// (RFC 6901). All must hold:
//
//	eq:/ptr      the value, of the same type
//	in:/ptr      one of the values, which | separates
//	prefix:/ptr  a string that begins with the value, byte for byte; with a slash
//	             in the value, no segment of the string is "." or ".."
//	max:/ptr     an integer no larger than the value, and not below 0 unless
//	             min:/ptr is there, too
//	min:/ptr     an integer no smaller than the value
//	closed:/ptr  an object with no members but those that are named, with | between
//
// The value of eq, and each of in, is a boolean or null as true, false and null, an
// integer as its plain digits, a JSON string in quotes, and else the string itself. A
// number of the request with a fraction or an exponent, and -0, meets nothing: there are
// no floats. A missing pointer, another type, keys of one object that are equal in any
// letter case or normal form, text that is not UTF-8, and a request that is not JSON deny.
//
// A child keeps every constraint key of its parent, with the same value or one
// that is narrower: for max a smaller integer, for min a larger one, for in and closed a
// subset, for prefix an extension. It may add constraints, but no min below 0 beside a max
// that its parent has alone.
//
// # Quotas
//
// Maxima that count (calls, jobs, tokens, gpu_ms, runs, workers, cpu_us, io,
// events, and bytes for the max_size of blob.write) are totals over the life of
// the capability. A use is charged to the leaf and to every ancestor in one
// atomic step, before the effect runs; see [Quotas]. The counters of a capability
// are one record: the key q/ and its id in hex, the value the canonical struct
// {1 used {resource text: u64}}. A revocation list is kept under v/ and its
// issuer's public key in hex.
package caps
