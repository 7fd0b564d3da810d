// Package s3test starts a versitygw, an S3-compatible object store over a folder, for tests, on a loopback port. It is
// stopped by its process id. If the program is not installed, the test is skipped.
package s3test
