package badger

import (
	"context"
	"encoding/hex"

	"github.com/mythos-project/mythos/store/kv"
)

// Verify implements store.Verifier: it checks every block of every table, and reads every
// record with its checksum. It costs a read of the whole database.
func (d *DB) Verify(ctx context.Context) error {
	s, done, err := d.use(ctx, toRead)
	if err != nil {
		return err
	}
	err = s.checkTables()
	done()
	if err != nil {
		return err
	}
	return d.Scan(ctx, "\x01", "\xff\xff", func(string, []byte) error { return ctx.Err() })
}

// Cuts implements kv.Cutter: it reports the interrupted records that the last opening found.
func (d *DB) Cuts(ctx context.Context) ([]kv.Cut, error) {
	s, done, err := d.use(ctx, toRead)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.cuts, nil
}

// ID is the id of the database, 32 hex digits, random and set when it was made.
func (d *DB) ID(ctx context.Context) (string, error) {
	s, done, err := d.use(ctx, toRead)
	if err != nil {
		return "", err
	}
	defer done()
	return hex.EncodeToString(s.seal.ID[:]), nil
}
