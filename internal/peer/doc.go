// Package peer is HTTP between agents, both ends (spec/wire.md#peers). A [Server] bounds what
// peers ask for, checks that a request is plain and says who makes it, and answers errors;
// what it serves are [Service]s, which add their routes: parts (objects and blobs), tasks
// (packets), codebooks, and others in rooms of their own. A [Client] signs requests and checks
// who answers.
//
//	GET /v1/identity   the agent that answers here, as a canonical AgentID
//	GET /metrics       counters for Prometheus, to this machine only
//	GET /healthz       200 while it serves
//
// Requests about objects are signed and show a capability. Nothing that comes from a
// peer is believed: packets by their signatures, parts by their hashes.
package peer
