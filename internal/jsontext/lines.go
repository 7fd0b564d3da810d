package jsontext

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// byteOrderMark is at the start of UTF-8 files of some tools. It is not part of the text.
var byteOrderMark = []byte("\xef\xbb\xbf")

// MaxLine is the maximum length of a line, in bytes.
const MaxLine = 1 << 20

// ErrLine means that a line of a file cannot be read. Errors that wrap it name the line.
var ErrLine = errors.New("line")

// Lines calls fn with each line of r that is not blank, trimmed of white space, and its number, from 1. A byte order
// mark at the beginning and CRLF are not part of a line. A line that is not UTF-8, contains NUL or is longer than
// MaxLine is refused with its number.
func Lines(r io.Reader, fn func(n int, line string) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w %d: %w", ErrLine, n, err)
		}
		if n == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if wrong := notText(line); wrong != nil {
			return fmt.Errorf("%w %d: %w", ErrLine, n, wrong)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if err := fn(n, string(text)); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine reads up to and including a line end; it returns io.EOF with the last line.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > MaxLine+2 {
			return nil, fmt.Errorf("it has more than %d bytes", MaxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func notText(line []byte) error {
	switch {
	case bytes.HasPrefix(line, []byte("\xff\xfe")), bytes.HasPrefix(line, []byte("\xfe\xff")):
		return errors.New("it is UTF-16: save the file as UTF-8")
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return errors.New("it is compressed: unpack the file with gzip -d")
	case !utf8.Valid(line):
		return errors.New("it is not UTF-8")
	case bytes.IndexByte(line, 0) >= 0:
		return errors.New("it has a NUL byte")
	}
	return nil
}

// Each calls fn with the value of each line of r: one JSON object per line, read as by Unmarshal.
func Each[T any](r io.Reader, fn func(n int, v T) error) error {
	return Lines(r, func(n int, line string) error {
		var v T
		if err := Unmarshal([]byte(line), &v); err != nil {
			return fmt.Errorf("%w %d: %w", ErrLine, n, err)
		}
		return fn(n, v)
	})
}
