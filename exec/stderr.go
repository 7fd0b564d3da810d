package exec

import (
	"context"
	"io"
)

type stderrKey struct{}

// WithStderr lets w see what tools write to standard error while they run, besides
// the excerpt that a failure leaves in its receipt. w must not block for long.
func WithStderr(ctx context.Context, w io.Writer) context.Context {
	return context.WithValue(ctx, stderrKey{}, w)
}

// Stderr is, for runners, where a tool's standard error goes: to kept and, without
// regard to its errors, to the writer that WithStderr gave ctx.
func Stderr(ctx context.Context, kept io.Writer) io.Writer {
	if w, ok := ctx.Value(stderrKey{}).(io.Writer); ok {
		return io.MultiWriter(kept, noError{w})
	}
	return kept
}

type noError struct{ w io.Writer }

func (n noError) Write(p []byte) (int, error) {
	_, _ = n.w.Write(p) // who watches must not stop a tool
	return len(p), nil
}
