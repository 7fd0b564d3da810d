// Package bucket keeps a store's large chunks in an S3-compatible object store. No other package imports minio-go.
//
// An object's key is the address's prefix and the hexadecimal SHA-256 of its bytes, then ".N" for generation N beyond
// the first. Objects are written create-only and never changed; a bucket that does not enforce that is refused. A table
// beside the keys ([postgres.Chunks]) records which chunks exist, and in which generation; the bucket is never listed
// or queried. Bytes are durable before the table has them.
//
// After a collection has removed a chunk, the next put writes another generation. So a delayed collector, however late,
// deletes only the dead generation.
//
// The object with the key "mythos" says which repository owns the prefix: any other repository would collect its
// chunks.
//
// Addresses are s3://BUCKET[/PREFIX][?region=R&endpoint=URL&path_style=true]. Access keys come from the environment,
// the files or the machine's role, as for the AWS command line; an address that contains one is refused.
package bucket

import "errors"

// Errors that callers distinguish.
var (
	ErrAddress     = errors.New("address of a bucket")
	ErrUnsafe      = errors.New("the bucket overwrites objects")
	ErrTaken       = errors.New("the bucket's prefix belongs to another repository")
	ErrUnreachable = errors.New("the bucket cannot be reached")
)
