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
//	    until: 2030-01-01T00:00:00Z # optional; trusted before then
//	    max_age: 24h                # optional; oldest revocation list taken from it
//
// The domains are those of scopes (blob, tool, train, eval, deploy, compute,
// cell: may issue root capabilities of that kind) and packet, ledger and attest
// (signs packets, ledger entries, attestations that we believe).
package keyfile
