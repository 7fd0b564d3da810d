// Package table reads the tables of a Badger database beside Badger. Badger takes a block that
// it cannot read for the end of the table, and a key in it for absent; so anyone who relies on
// an answer has the blocks checked that it came from ([Tables.Key], [Tables.Span]), each once.
// The errors wrap store.ErrDamaged.
package table
