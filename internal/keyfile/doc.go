// Package keyfile keeps agent keys and the trust file on disk.
//
// # Key files
//
// A key is one file, keys/NAME.key, mode 0600, of one header line and a body:
//
//	mythos-key-1 ed25519 <public key, 64 hex digits> plain|age [<hint, quoted as in Go>]
//	<seed, 64 hex digits>          (plain)
//
// or, for age, the seed's 64 hex digits encrypted with a passphrase (scrypt) in
// age's armored form. The public key in the header must be that of the seed; it
// lets keys be listed without a passphrase. A file that others can read, on
// systems that have such permissions, is refused.
//
// Secrets are never part of an error or a String, and buffers that held them are
// overwritten. Go gives no stronger promise: the garbage collector may have
// moved a copy, and age takes its passphrase as a string.
//
// # The trust file
//
// trust.yaml names the agents that are trusted, and for what:
//
//	agents:
//	  - name: ci                    # unique
//	    key: 3b6a27bc...            # public key, 64 hex digits, unique
//	    for: [tool, eval]           # domains; "*" is all
//	    from: 2026-01-01T00:00:00Z  # optional; trusted from then on
//	    until: 2030-01-01T00:00:00Z # optional; trusted before then
//	    max_age: 24h                # optional; oldest revocation list taken from it
//	    ended: 2027-03-01T00:00:00Z # optional; when the trust was taken away
//	    entries: 4711               # optional; entries of the ledger when the end was decided
//	    past:                       # optional; what it was trusted for earlier
//	      - {for: [deploy], ended: 2026-06-01T00:00:00Z, entries: 17}
//
// An empty list of domains names an agent and trusts it for nothing. An agent whose
// trust was taken away keeps its entry: history goes on saying who it was, and what
// it signed before still counts (see [Trust.Held]).
//
// The domains are those of scopes (blob, tool, train, eval, deploy, compute,
// cell: may issue root capabilities of that kind) and packet, ledger, attest and
// policy (signs packets, ledger entries, attestations, issuance policies that we
// believe).
//
// # Rotation
//
// Rotating the key NAME makes a new one of that name. The old one is kept as
// NAME.1 (or the next free number), in the folder and in the trust file, and stays
// trusted until the end of an overlap, so that what it issued can be replaced in
// time and its revocation lists can still be signed.
package keyfile
