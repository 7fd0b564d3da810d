package parts

import (
	"bufio"
	"io"
)

// body is a request's body that a function writes while it is sent. HTTP/1 lets the function write to the connection;
// other readers get it through a pipe.
type body struct {
	write func(*bufio.Writer) error
	r     *io.PipeReader
	w     *io.PipeWriter
	begun bool // the pipe is in use
}

func streamed(write func(*bufio.Writer) error) *body {
	b := &body{write: write}
	b.r, b.w = io.Pipe()
	return b
}

// WriteTo implements io.WriterTo.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	n := counter{w: w}
	err := b.to(&n)
	return n.n, err
}

func (b *body) to(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if err := b.write(out); err != nil {
		return err
	}
	return out.Flush()
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		go func() { b.w.CloseWithError(b.to(b.w)) }()
	}
	return b.r.Read(p)
}

// Close implements io.Closer: it ends the function at its next write to the pipe.
func (b *body) Close() error { return b.r.Close() }

type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
