// Package object holds the small values that every MYTHOS object is made of
// (hashes, agents, times, signatures, blob references), the rule by which
// objects get their ids, and the JSON view of canonical bytes
// (spec/objects.md).
//
// An object's identity is the hash of its received canonical bytes with a few
// fields cut out, never of a re-encoding; [Struct] says for each type which
// fields those are.
package object
