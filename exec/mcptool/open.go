package mcptool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	osexec "os/exec"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
)

// open reaches the server of a registration.
func (r *Runner) open(ctx context.Context, call exec.Call) (*peer, error) {
	p := &peer{
		bound:  newBound(call.Limits.MaxResponse),
		stderr: exec.Tail{Limit: int(call.Limits.MaxStderr)},
		clean:  func(b []byte) []byte { return b },
		close:  func(context.CancelFunc) {},
	}
	if call.Module.URL == "" {
		return p, r.start(ctx, p, call)
	}
	client, clean, err := r.HTTP.Client(call.Module)
	if err != nil {
		return nil, err
	}
	client.Transport = &bounded{client.Transport, p.bound}
	p.clean = clean
	p.transport = &mcp.StreamableClientTransport{
		Endpoint: call.Module.URL, HTTPClient: client, MaxRetries: -1, DisableStandaloneSSE: true, MaxEventSize: -1, // bounded below
	}
	return p, nil
}

// graceful is how long a server whose input has ended may take to end.
const graceful = 2 * time.Second

// start starts a server in a fresh working directory.
func (r *Runner) start(ctx context.Context, p *peer, call exec.Call) error {
	dir, err := os.MkdirTemp(r.Process.Dir, "mythos-mcp-")
	if err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	cmd := r.Process.Command(ctx, call, dir)
	cmd.Stderr = exec.Stderr(ctx, &p.stderr)
	in, out, err := pipes(cmd)
	if err == nil {
		err = process.Start(cmd, call.Module, dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", call.Module.Argv[0], err), os.RemoveAll(dir))
	}
	p.transport = &mcp.IOTransport{Reader: p.bound.reader(out), Writer: in, MaxLineLength: -1} // bounded below
	p.close = func(cancel context.CancelFunc) {
		timer := time.AfterFunc(graceful, cancel)
		defer timer.Stop()
		_ = in.Close()        // it may be closed already
		_ = process.Wait(cmd) // how it ends says nothing about the call
		_ = os.RemoveAll(dir) // what the server left behind there
	}
	return nil
}

func pipes(cmd *osexec.Cmd) (in io.WriteCloser, out io.ReadCloser, err error) {
	if in, err = cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	out, err = cmd.StdoutPipe()
	return in, out, err
}

// bound is how many bytes a server may send in one session. Text in JSON takes up to
// six times its length.
type bound struct{ left atomic.Int64 }

const (
	jsonFactor = 6
	overhead   = 1 << 20 // of a session's other messages
)

func newBound(response int64) *bound {
	b := &bound{}
	b.left.Store(jsonFactor*response + overhead)
	return b
}

var errBound = errors.New("mcp: the server sends more than the tool's limit")

func (b *bound) exceeded() bool { return b.left.Load() < 0 }

func (b *bound) reader(r io.ReadCloser) io.ReadCloser { return &boundReader{r, b} }

type boundReader struct {
	io.ReadCloser
	bound *bound
}

func (r *boundReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.bound.left.Add(-int64(n)) < 0 {
		return 0, errBound
	}
	return n, err
}

// bounded counts what an endpoint sends.
type bounded struct {
	next  http.RoundTripper
	bound *bound
}

func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(req)
	if err == nil {
		res.Body = b.bound.reader(res.Body)
	}
	return res, err
}
