// Package pgtest starts a PostgreSQL server for tests: in a folder of its own, on a Unix socket, ended by its
// process id. Where PostgreSQL is not installed, the test is skipped.
package pgtest
