// Package postgres keeps a store's keys in PostgreSQL 15 or later, so that many machines work on one repository. No
// other package imports pgx.
//
// Everything is in the schema mythos of one database (schema.sql). An [DB.Update] is one round trip and one commit at
// READ COMMITTED: a function locks the rows of all keys in ascending order, compares, and writes. A key that is absent
// is locked, too, by a row that lasts until the transaction ends; so the locks alone make updates serializable.
//
// A connection may be lost after an update was sent. Each update has the next number in a line (a random name), and the
// line's row holds the result of its newest update. The update is sent again with the same number: it waits for the
// first attempt and gets the first one's result. An attempt that arrives late finds its number taken and changes
// nothing.
//
// A [DB.Scan] reads page by page and holds no cursor: it sees each key as of some moment of the scan.
//
// Addresses are URLs as in libpq. They never contain a password: it comes from PGPASSWORD, a password file or a service
// file.
package postgres

import "errors"

// Errors that callers distinguish.
var (
	ErrAddress      = errors.New("address of a PostgreSQL database")
	ErrNoRepository = errors.New("no repository in this database")
	ErrExists       = errors.New("there is a repository in this database")
	ErrFormat       = errors.New("format of the database")
	ErrUnsafe       = errors.New("the server may lose what it has acknowledged")
	ErrUnreachable  = errors.New("the database cannot be reached")
	// ErrUnknown means that an update was sent, and no answer says whether it happened.
	ErrUnknown = errors.New("the update may or may not have happened")
	ErrClosed  = errors.New("database is closed")
)

// Format is the version of the tables that this package reads and writes.
const Format = 2
