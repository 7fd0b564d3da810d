// Command textstat is a tool that measures a file: the request is the file's
// bytes, the response one line of JSON with its members in this order:
//
//	{"bytes":12,"lines":2,"words":3,"longest_line":6,"ascii":true,"utf8":true,"sha256":"<hex>"}
//
// bytes is the length; lines counts line ends, and one more for a last line that
// has none; words counts runs of bytes other than ASCII white space; longest_line
// is in bytes, without its end; utf8 says that the whole is valid UTF-8 and ascii
// that it has no byte above 127. The empty file has no lines and is both.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strconv"
	"unicode/utf8"
)

// maxRequest is the largest request in bytes.
const maxRequest = 256 << 20

func main() {
	data, err := io.ReadAll(io.LimitReader(os.Stdin, maxRequest+1))
	if err == nil && len(data) > maxRequest {
		err = os.ErrInvalid
	}
	if err == nil {
		_, err = os.Stdout.Write(measure(data))
	}
	if err != nil {
		os.Stderr.WriteString("textstat: " + err.Error() + "\n")
		os.Exit(1)
	}
}

// measure gives the response to data.
func measure(data []byte) []byte {
	c := count(data)
	sum := sha256.Sum256(data)
	out := make([]byte, 0, 256)
	for _, field := range []struct {
		name  string
		value int
	}{{`{"bytes":`, len(data)}, {`,"lines":`, c.lines}, {`,"words":`, c.words}, {`,"longest_line":`, c.longest}} {
		out = strconv.AppendInt(append(out, field.name...), int64(field.value), 10)
	}
	out = strconv.AppendBool(append(out, `,"ascii":`...), c.ascii)
	out = strconv.AppendBool(append(out, `,"utf8":`...), c.ascii || utf8.Valid(data))
	out = hex.AppendEncode(append(out, `,"sha256":"`...), sum[:])
	return append(out, "\"}\n"...)
}

type counts struct {
	lines, words, longest int
	ascii                 bool
}

// space marks the ASCII white space: tab to carriage return, and the blank.
var space = [256]bool{'\t': true, '\n': true, '\v': true, '\f': true, '\r': true, ' ': true}

func count(data []byte) counts {
	var c counts
	var high byte
	start, between := 0, true
	for i, b := range data {
		high |= b
		if b == '\n' {
			c.lines++
			c.longest = max(c.longest, i-start)
			start = i + 1
		}
		if s := space[b]; s != between {
			between = s
			if !s {
				c.words++
			}
		}
	}
	if start < len(data) {
		c.lines++
		c.longest = max(c.longest, len(data)-start)
	}
	c.ascii = high < 0x80
	return c
}
