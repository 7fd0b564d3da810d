package output

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Lines reads lines of any length, but stores no more of one than a limit.
type Lines struct{ r *bufio.Reader }

// NewLines returns the lines of r.
func NewLines(r io.Reader) *Lines { return &Lines{bufio.NewReaderSize(r, 64<<10)} }

const headOf = 4 << 10 // bytes that are stored of a line that is too long

// Next is the next line, without its end. For a line of more than limit bytes, over is true and line is its beginning.
// An error comes with the data read before it.
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
