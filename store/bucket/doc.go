// Package bucket keeps a store's large chunks in an S3-compatible object store. It is the only importer of
// minio-go.
//
// An object's key is the address's prefix and the hexadecimal SHA-256 of its bytes, then ".N" for
// generation N beyond the first. Objects are written create-only and never changed; a bucket that does
// not keep to that is refused. Which chunks are here, and in which generation, says a table beside the
// keys ([postgres.Chunks]): nothing is listed or asked for. Bytes are durable before the table says so.
//
// After a collection has taken a chunk away, the next put writes another generation. So a collector that was
// held up, however long, deletes the dead one.
//
// The object with the key "mythos" says which repository the prefix belongs to: another one would
// collect its chunks.
//
// Addresses are s3://BUCKET[/PREFIX][?region=R&endpoint=URL&path_style=true]. Keys of access come from the
// environment, the files or the machine's role, as for the AWS command line; an address with one is refused.
package bucket

import "errors"

// What callers decide on.
var (
	ErrAddress     = errors.New("address of a bucket")
	ErrUnsafe      = errors.New("the bucket overwrites objects")
	ErrTaken       = errors.New("the bucket's prefix belongs to another repository")
	ErrUnreachable = errors.New("the bucket cannot be reached")
)
