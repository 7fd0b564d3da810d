package output

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Lines reads lines of any length and keeps no more of one than a limit.
type Lines struct{ r *bufio.Reader }

// NewLines returns the lines of r.
func NewLines(r io.Reader) *Lines { return &Lines{bufio.NewReaderSize(r, 64<<10)} }

const headOf = 4 << 10 // bytes that are kept of a line that is too long

// Next is the next line, without its end. Of one of more than limit bytes over is true
// and line is its beginning. With an error comes what was read before it.
func (l *Lines) Next(limit int64) (line []byte, over bool, err error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if !over {
			line = append(line, part...)
		}
		if int64(len(line)) > limit {
			over, line = true, bytes.Clone(line[:min(len(line), headOf)])
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimRight(line, "\r\n"), over, err
		}
	}
}
