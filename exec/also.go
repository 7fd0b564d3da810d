package exec

import "io"

// Also writes to kept and, without regard to its errors, to w, unless that is nil: who
// watches a tool does not stop it.
func Also(kept, w io.Writer) io.Writer {
	if w == nil {
		return kept
	}
	return io.MultiWriter(kept, unfailing{w})
}

type unfailing struct{ w io.Writer }

func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.w.Write(p)
	return len(p), nil
}
