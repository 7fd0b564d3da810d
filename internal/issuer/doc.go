// Package issuer gives capabilities to who asks for them (spec/capabilities.md#requests):
// a server's side of `mythos cap request`, and the side of who asks.
//
// Who asks signs the request with the key that the capability is for, and proves to be
// somebody: by that key alone, where the issuance policy names it, or with an identity token
// of an issuer that the policy names. What is given is given once: asking again with the same
// bytes is answered with the same capability, and a token that somebody else shows, or that is
// shown for something else, is refused.
package issuer
