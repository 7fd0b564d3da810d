// Package peer implements both ends of HTTP between agents (spec/wire.md#peers). A [Server] limits what peers may ask
// for, checks that a request is well-formed and identifies its sender, and answers errors. It serves [Service]s, which
// add their routes: parts (objects and blobs), tasks (packets), codebooks, and others in their own packages. A [Client]
// signs requests and checks who answers.
//
//	GET /v1/identity   the agent that answers here, as a canonical AgentID
//	GET /metrics       counters for Prometheus, to this machine only
//	GET /healthz       200 while it serves
//
// Requests about objects are signed and show a capability. Nothing from a peer is trusted unchecked: packets are
// checked by their signatures, parts by their hashes.
package peer
