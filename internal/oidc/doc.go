// Package oidc verifies identity tokens (OpenID Connect) of the issuers that somebody
// trusts (spec/capabilities.md#requests), and asks for one where a job runs.
//
// Of a token nothing is believed before it is read strictly: JSON that two readers could
// read differently, another algorithm than a signature by a public key, a claim of another
// type are refused by name. Only issuers that the caller names are ever asked for their keys.
package oidc
