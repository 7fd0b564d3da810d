// Package caps implements capabilities: signed, attenuable grants of exactly one power for a limited time, checkable
// offline (spec/capabilities.md).
//
// A [Capability] names an issuer, a subject (who may use it), one [CapScope] (what), a window (when) and, when it was
// derived from another, its parent. A [Chain] is a capability with all its parents, the leaf first and the root last. A
// chain is good when
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
// The unknown denies: a field that this version does not know might narrow a scope, so a chain with such a field parses
// but never verifies. The same holds for an unknown constraint.
//
// # Quotas
//
// Maxima that count (calls, jobs, tokens, gpu_ms, runs, workers, cpu_us, io, events, and bytes for the max_size of
// blob.write) are totals over the life of the capability; package quota keeps the counters.
//
// A revocation list is stored under the key v/ and its issuer's public key in hex.
package caps
