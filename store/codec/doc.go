// Package codec is what a blob's bytes go through on their way into the store and back:
// compression, and then encryption (spec/merkle.md). Hashes and chunks are of what comes out.
//
// Codec zstd is the seekable format (package seekable). Encryption scheme 1 is one age file,
// scheme 2 is AES-256-GCM in segments (aesgcm.go), one a chunk, so that a range can be read
// without the rest.
package codec
