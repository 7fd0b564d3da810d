package foreign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrEncoding means that a file is not the UTF-8 text that JSON is.
var ErrEncoding = errors.New("it is no text in UTF-8")

// ByteOrderMark begins the UTF-8 files of some tools. It is no part of the text.
var ByteOrderMark = []byte{0xef, 0xbb, 0xbf}

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

// Text passes a byte order mark, and refuses what is told by its beginning to be
// no UTF-8, by its name. The error wraps ErrEncoding.
func Text(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head, ByteOrderMark) {
		_, err = b.Discard(len(ByteOrderMark))
		return b, err
	}
	for _, e := range otherEncodings {
		if bytes.HasPrefix(head, []byte(e.head)) {
			return nil, fmt.Errorf("%w: it is %s: %s", ErrEncoding, e.name, e.remedy)
		}
	}
	return b, nil
}
