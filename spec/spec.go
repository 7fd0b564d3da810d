// Package spec has the pages of the protocol's specification. They are Markdown; `go generate ./spec` writes their
// tables from the Go types.
package spec

//go:generate go run ../internal/specgen .. .
