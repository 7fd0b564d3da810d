// Package spec is the protocol in words. Its pages are Markdown; their tables are
// written from the Go types by `go generate ./spec`.
package spec

//go:generate go run ../internal/specgen .. .
