// Package codec transforms a blob's bytes on their way into the store and back: compression, then encryption
// (spec/merkle.md). Hashes and chunks are those of the result.
//
// Codec zstd is the seekable format (package seekable). Encryption scheme 1 is one age file, scheme 2 is AES-256-GCM in
// segments (aesgcm.go), one per chunk, so that a range can be read without the rest.
package codec
