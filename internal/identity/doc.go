// Package identity says who acts in a repository: it has the signing key, the other keys in the repository's folder,
// and trust.yaml, which says whose signatures count for what.
package identity
