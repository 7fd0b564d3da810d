package foreign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrEncoding means that a file is not UTF-8 text, as JSON must be.
var ErrEncoding = errors.New("it is not text in UTF-8")

// ByteOrderMark is the beginning of some tools' UTF-8 files. It is not part of the text.
var ByteOrderMark = []byte{0xef, 0xbb, 0xbf}

// otherEncodings are recognized by the beginning of a file. Longer beginnings come first.
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

// Text skips a byte order mark. If the beginning shows another encoding than UTF-8, Text refuses it by name. The error
// wraps ErrEncoding.
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
