// Package peer serves a repository to other agents and calls theirs, over HTTP
// (spec/wire.md#peers).
//
//	POST /v1/packets             a MYTHOS-X packet in, the signed packet that answers it out
//	GET  /v1/trees/HASH          what is below HASH: kind, id and size of each part
//	POST /v1/trees/HASH          a list of ids in, those parts out; both need blob.read for HASH
//	POST /v1/trees/HASH/missing  what is below HASH in, the ids that are not here out
//	PUT  /v1/trees/HASH          parts in; both need blob.write
//	GET  /v1/blobs/CID           the bytes of a blob, with ranges; ?proof: chunks, each with its proof
//	GET  /v1/tasks/ID[/result]   how a submitted task is getting on; its answer
//	DELETE /v1/tasks/ID          cancels it
//	POST /v1/codebooks           an offer of a codebook in, the offer as it now stands out
//	GET  /v1/identity            the agent that answers here, as a canonical AgentID
//	GET  /healthz                200 while it serves
//
// Requests about objects are signed and show a capability. Nothing that comes from a
// peer is believed: packets by their signatures, parts by their hashes.
package peer
