// Package vectors holds the golden vectors of the protocol as data
// (spec/vectors/README.md). They are written by
//
//	go generate ./spec/vectors
//
// and checked by `mythos conformance`.
package vectors

import "embed"

//go:generate go run ../../internal/conform/generate .

// FS holds the vectors, a JSON file for each class.
//
//go:embed *.json
var FS embed.FS
