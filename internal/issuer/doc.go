// Package issuer issues capabilities on request (spec/capabilities.md#requests). It has both sides of `mythos cap
// request`, the server's and the requester's.
//
// The requester signs the request with the key that the capability is for, and proves its identity: by that key alone,
// if the issuance policy names it, or with an identity token of an issuer that the policy names. A capability is issued
// once: the same request, repeated, gets the same capability, and a token that is reused by another key or for another
// request is refused.
package issuer
