package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"time"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
)

// client is a connection to a server.
type client struct {
	rpc *rpc.Client
	pid int
}

// errGone means that the connection is lost. The request may have been executed unless errUnsent is wrapped, too.
var (
	errGone   = errors.New("the server is gone")
	errUnsent = errors.New("nothing was sent")
)

// dial finds the server of the repository in dir. It is an error if there is no server, or if the server is another
// user's or another version. A server that does not answer in time gives badger.BusyError.
func dial(dir string, wait time.Duration) (*client, error) {
	path, done, err := address(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	pid, err := ours(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &client{rpc.NewClient(conn), pid}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := c.call(ctx, "Hello", nothing{}, &hello{}); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = &badger.BusyError{Dir: dir, PID: pid}
		}
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// call waits for an answer until ctx ends.
func (c *client) call(ctx context.Context, method string, args, reply any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call := c.rpc.Go(service+"."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return ctx.Err()
	}
	var refused rpc.ServerError
	switch err := call.Error; {
	case err == nil, errors.As(err, &refused):
		return err
	case errors.Is(err, rpc.ErrShutdown):
		return fmt.Errorf("%w: %w", errGone, errUnsent)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errGone
	default:
		return fmt.Errorf("%w: %w", errGone, err)
	}
}

func (c *client) get(ctx context.Context, key string) ([]byte, bool, error) {
	var a answer
	if err := c.call(ctx, "Get", key, &a); err != nil {
		return nil, false, err
	}
	if !a.Yes {
		return nil, false, a.Failure.err()
	}
	return pair{Value: a.Value}.value(), true, a.Failure.err()
}

func (c *client) page(ctx context.Context, from, to string) (list []pair, more bool, err error) {
	var a answer
	if err := c.call(ctx, "Page", span{from, to}, &a); err != nil {
		return nil, false, err
	}
	return a.Pairs, a.Yes, a.Failure.err()
}

// update ignores ctx once the request was sent: the caller must learn whether the update happened.
func (c *client) update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var a answer
	if err := c.call(context.WithoutCancel(ctx), "Update", changes{pairs(check), pairs(put), store.MakesRoom(ctx)}, &a); err != nil {
		return false, err
	}
	return a.Yes, a.Failure.err()
}

func (c *client) reclaim(ctx context.Context) error {
	var a answer
	if err := c.call(ctx, "Reclaim", nothing{}, &a); err != nil {
		return err
	}
	return a.Failure.err()
}

func (c *client) verify(ctx context.Context) error {
	var a answer
	if err := c.call(ctx, "Verify", nothing{}, &a); err != nil {
		return err
	}
	return a.Failure.err()
}

func (c *client) cuts(ctx context.Context) ([]kv.Cut, error) {
	var a answer
	if err := c.call(ctx, "Cuts", nothing{}, &a); err != nil {
		return nil, err
	}
	return a.Cuts, a.Failure.err()
}

// room asks whether there is room. The server does not reserve it.
func (c *client) room(ctx context.Context, bytes int64) error {
	var a answer
	if err := c.call(ctx, "Room", bytes, &a); err != nil {
		return err
	}
	return a.Failure.err()
}
