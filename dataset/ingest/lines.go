package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// eachLine calls fn for every non-empty line.
func eachLine(r io.Reader, fn func(where string, line []byte) error) error {
	text, err := foreign.Text(r)
	if err != nil {
		return err
	}
	sc := bufio.NewScanner(text)
	sc.Buffer(make([]byte, 64<<10), MaxRecord)
	n := 0
	for sc.Scan() {
		n++
		line := bytes.TrimSpace(bytes.TrimPrefix(sc.Bytes(), foreign.ByteOrderMark)) // for concatenated files
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

// otherLayout says what to do with a file that is JSON but does not have one record per line.
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
func records(r io.Reader, h foreign.Handler, parse func([]byte, foreign.Handler) (*foreign.Record, error)) error {
	return eachLine(r, func(where string, line []byte) error {
		err := jsontext.Check(line)
		var rec *foreign.Record
		if err == nil {
			rec, err = parse(line, h)
		}
		if errors.Is(err, ErrLost) {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err != nil {
			return h.Bad(&foreign.RecordError{Where: where, Reason: err.Error() + otherLayout(line)})
		}
		rec.Source = line
		return h.Record(rec)
	})
}
