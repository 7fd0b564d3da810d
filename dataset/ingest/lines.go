package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// ErrEncoding means that a file is not the UTF-8 text that JSON is.
var ErrEncoding = errors.New("it is no text in UTF-8")

// byteOrderMark begins the UTF-8 files of some tools. It is no part of the text.
var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

// otherEncodings are told by how a file begins. Longer beginnings come first.
var otherEncodings = []struct{ head, name, remedy string }{
	{"\xff\xfe\x00\x00", "UTF-32", "convert it: iconv -f UTF-32 -t UTF-8"},
	{"\x00\x00\xfe\xff", "UTF-32", "convert it: iconv -f UTF-32 -t UTF-8"},
	{"\xff\xfe", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
	{"{\x00", "UTF-16", "convert it: iconv -f UTF-16LE -t UTF-8"},
	{"[\x00", "UTF-16", "convert it: iconv -f UTF-16LE -t UTF-8"},
	{"\x00{", "UTF-16", "convert it: iconv -f UTF-16BE -t UTF-8"},
	{"\x00[", "UTF-16", "convert it: iconv -f UTF-16BE -t UTF-8"},
	{"\x1f\x8b", "compressed with gzip", "decompress it: gzip -dc"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it: zstd -dc"},
	{"\xfd7zXZ\x00", "compressed with xz", "decompress it: xz -dc"},
	{"BZh", "compressed with bzip2", "decompress it: bzip2 -dc"},
	{"PK\x03\x04", "a ZIP archive", "unpack it first"},
	{"PAR1", "a Parquet file", "write it as JSON lines first"},
}

// textReader passes a byte order mark, and refuses what is told by its beginning to be
// no UTF-8, by its name. The error wraps ErrEncoding.
func textReader(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head, byteOrderMark) {
		_, err = b.Discard(len(byteOrderMark))
		return b, err
	}
	for _, e := range otherEncodings {
		if bytes.HasPrefix(head, []byte(e.head)) {
			return nil, fmt.Errorf("%w: it is %s: %s", ErrEncoding, e.name, e.remedy)
		}
	}
	return b, nil
}

// eachLine calls fn for every line that is not empty.
func eachLine(r io.Reader, fn func(where string, line []byte) error) error {
	text, err := textReader(r)
	if err != nil {
		return err
	}
	sc := bufio.NewScanner(text)
	sc.Buffer(make([]byte, 64<<10), MaxRecord)
	n := 0
	for sc.Scan() {
		n++
		line := bytes.TrimSpace(bytes.TrimPrefix(sc.Bytes(), byteOrderMark)) // files that were joined
		if len(line) == 0 {
			continue
		}
		if err := fn(fmt.Sprintf("line %d", n), bytes.Clone(line)); err != nil {
			return err
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: longer than %d bytes", n+1, MaxRecord)
	}
	return sc.Err()
}

// otherLayout says what to do with a file that is JSON, and not one record a line.
func otherLayout(line []byte) string {
	dec := json.NewDecoder(bytes.NewReader(line))
	err := dec.Decode(new(json.RawMessage))
	switch {
	case err == nil && line[0] == '[' && !dec.More():
		return ": a record a line is expected, this is a list of them: jq -c '.[]' FILE"
	case bytes.IndexByte(line, '\r') >= 0:
		return ": its lines end in CR alone: tr '\\r' '\\n'"
	case err == nil && dec.More(), errors.Is(err, io.ErrUnexpectedEOF):
		return ": a record a line is expected, which jq -c . FILE writes (jq -c '.[]' FILE of a list)"
	}
	return ""
}

// records reads a record from every line.
func records(r io.Reader, h Handler, parse func([]byte, Handler) (*Record, error)) error {
	return eachLine(r, func(where string, line []byte) error {
		err := jsontext.Check(line)
		var rec *Record
		if err == nil {
			rec, err = parse(line, h)
		}
		if errors.Is(err, ErrLost) {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err != nil {
			return h.Bad(&RecordError{where, err.Error() + otherLayout(line)})
		}
		rec.Source = line
		return h.Record(rec)
	})
}
