// Package identity is who acts in a repository: the key that signs, the other keys of the
// repository's folder, and trust.yaml, which says whose signatures count for what.
package identity
