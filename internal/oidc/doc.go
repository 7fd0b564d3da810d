// Package oidc verifies identity tokens (OpenID Connect) of trusted issuers (spec/capabilities.md#requests), and
// requests one for a running job.
//
// Tokens are read strictly: JSON that two readers could read differently, any algorithm other than a public-key
// signature, and a claim of the wrong type are each refused with a specific error. Only issuers that the caller names
// are ever asked for their keys.
package oidc
