// Package table reads the tables of a Badger database independently of Badger. Badger takes an unreadable block for the
// end of the table, and a key in it for absent. A caller that relies on an answer therefore has the underlying blocks
// checked ([Tables.Key], [Tables.Span]), each once. The errors wrap store.ErrDamaged.
package table
