// Package pgtest starts a PostgreSQL server for tests, in its own folder, on a Unix socket. The server is stopped by
// its process id. If PostgreSQL is not installed, the test is skipped.
package pgtest
