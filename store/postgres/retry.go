package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/mythos-project/mythos/store/kv"
)

// retry calls fn with a connection, again for as long as wait, until fn returns no error that another server or a later
// try might avoid.
func (d *DB) retry(ctx context.Context, wait time.Duration, fn func(conn *pgx.Conn) error) error {
	deadline := time.Now().Add(wait)
	pause := 5 * time.Millisecond
	for {
		err := d.once(ctx, fn)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		case !passing(err):
			return err
		case time.Now().After(deadline) && sqlState(err) == moving:
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		d.opts.Debugf("database: %v; trying again", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

func (d *DB) once(ctx context.Context, fn func(conn *pgx.Conn) error) error {
	conn, err := d.pool.Acquire(ctx)
	if errors.Is(err, puddle.ErrClosedPool) {
		return ErrClosed
	}
	if err != nil {
		return err
	}
	defer conn.Release()
	err = d.prepared(fn(conn.Conn()))
	if sqlState(err) == readOnly || errors.Is(err, errDoubt) || errors.Is(err, errPooler) { // nobody else may use this connection
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
	}
	switch sqlState(err) {
	case moving:
		err = fmt.Errorf("%w: %w", kv.ErrMoving, err)
	case moved:
		err = movedTo(err)
	}
	if sqlState(err) == diskFull {
		err = fmt.Errorf("the database's server: %w: %w", syscall.ENOSPC, err)
	}
	return err
}

// SQLSTATE codes.
const (
	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
	duplicateSchema = "42P06"
	diskFull        = "53100"
	readOnly        = "25006"
	noStatement     = "26000"
	sameStatement   = "42P05"
	warning         = "01000"
	moving          = "MY001" // mythos.writing()
	moved           = "MY002"
)

// sqlState is the code of a server's error; empty for any other error.
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// passing reports whether an error says nothing about the request: the connection was lost, the server is starting,
// ending or full, or the transaction was rolled back in favour of others.
func passing(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code[:2] == "08", pg.Code[:2] == "40", pg.Code[:3] == "57P", pg.Code == "53300", pg.Code == readOnly, pg.Code == moving:
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || lost(err) || errors.Is(err, errDoubt) || errors.Is(err, errPooler)
}

// lost reports whether an error means that a connection has ended.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE)
}
