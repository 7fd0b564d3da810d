// Package s3test starts a versitygw, an S3-compatible object store over a folder, for tests: on a loopback
// port, ended by its process id. Where the program is not installed, the test is skipped.
package s3test
