// Package ingest reads evidence that others recorded: chats, OpenTelemetry traces, MCP
// transcripts, and anything that a mapping describes (spec/datasets.md#import).
//
// What comes in was signed by nobody who saw it happen. An imported episode can
// therefore always be told from one of our own executors, in three ways that its id
// covers: its trace has the media type [MediaTrace] and a provenance that names the form
// and the hash of the source record; its last receipt is of the tool [ToolImport]; and
// the calls in it are of tools whose ids are [ToolID] of their names, which no executor
// has. Its receipts are signed by the importer, who says with them what was read, not
// what was done: the note of each begins with "imported".
//
// The same record gives the same episode, whoever reads it how often, up to the signer.
package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// MediaTrace is the media type of an imported episode's trace.
const MediaTrace = dataset.MediaImport

// ToolImport is the tool of the receipt that every imported episode ends with: its
// request is what was asked, its response the answer.
var ToolImport = dataset.ToolImport

// ToolID is the id of a tool that an imported record calls by this name.
func ToolID(name string) object.Hash { return dataset.ImportedTool(name) }

// MaxRecord bounds a record, in bytes.
const MaxRecord = 64 << 20

// ErrRecord means that a record cannot be understood.
var ErrRecord = errors.New("record cannot be imported")

// RecordError says which record, and why. It wraps ErrRecord.
type RecordError struct {
	Where  string // such as "line 7"
	Reason string
}

func (e *RecordError) Error() string { return fmt.Sprintf("%s: %v: %s", e.Where, ErrRecord, e.Reason) }

// Unwrap gives ErrRecord.
func (e *RecordError) Unwrap() error { return ErrRecord }

// Record is one episode as somebody recorded it.
type Record struct {
	Source  []byte      // the record's bytes
	Time    object.Time // 0: not recorded
	Input   []byte      // what was asked
	Output  []byte      // the answer
	Status  uint16      // HTTP-like
	Model   string      // who answered; empty: not recorded
	Calls   []Call      // the tools that were called on the way, in order
	Signals []Signal
}

// Call is one call of a tool.
type Call struct {
	Tool     string
	Request  []byte
	Response []byte
	Status   uint16
	Time     object.Time // 0: that of the record
}

// Signal is what the record says of the episode.
type Signal struct {
	Type  uint8 // dataset.Reward, Label or Constraint
	Value ir.Scalar
}

// Statuses for what the forms tell only as good or bad, or not at all.
const (
	statusOK      = 200
	statusFailed  = 500
	statusNothing = 204 // no response was recorded
)

// Reader reads the records of one form. fn may keep what it gets. A record that cannot
// be understood is a *RecordError handed to bad, which ends the reading by returning an
// error.
type Reader interface {
	Read(r io.Reader, fn func(*Record) error, bad func(*RecordError) error) error
	// Name is the form's, such as "chat"; Code identifies the rules by which it is read.
	Name() string
	Code() object.Hash
}

// Form returns the reader of a built-in form: "chat", "otel" or "mcp".
func Form(name string) (Reader, error) {
	for _, r := range []Reader{chat{}, otel{}, mcp{}} {
		if r.Name() == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("form %q is not known (chat, otel, mcp, or a mapping file)", name)
}

// eachLine calls fn for every line that is not empty.
func eachLine(r io.Reader, fn func(where string, line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), MaxRecord)
	n := 0
	for sc.Scan() {
		n++
		line := bytes.TrimSpace(sc.Bytes())
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

// records reads a record from every line.
func records(r io.Reader, parse func([]byte) (*Record, error), fn func(*Record) error, bad func(*RecordError) error) error {
	return eachLine(r, func(where string, line []byte) error {
		rec, err := parse(line)
		if err != nil {
			return bad(&RecordError{where, err.Error()})
		}
		rec.Source = line
		return fn(rec)
	})
}

// compact is JSON without blanks, as it stands otherwise.
func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// plain is the text of a JSON string, and any other value as compact JSON.
func plain(raw json.RawMessage) []byte {
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return compact(raw)
}

// timeOf reads seconds since 1970, with a fraction, or RFC 3339. Numbers that can only be
// milli-, micro- or nanoseconds are read as such.
func timeOf(raw json.RawMessage) (object.Time, error) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return 0, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return object.Time(t.UnixMicro()), nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	var n int64
	if _, err := fmt.Sscanf(whole+"\n", "%d\n", &n); err != nil {
		return 0, fmt.Errorf("%s is no time", raw)
	}
	switch {
	case n > 1e17: // nanoseconds
		return object.Time(n / 1000), nil
	case n > 1e14:
		return object.Time(n), nil
	case n > 1e11:
		return object.Time(n * 1000), nil
	}
	us := int64(0)
	for i := range 6 {
		us *= 10
		if i < len(fraction) {
			if fraction[i] < '0' || fraction[i] > '9' {
				return 0, fmt.Errorf("%s is no time", raw)
			}
			us += int64(fraction[i] - '0')
		}
	}
	return object.Time(n*1e6 + us), nil
}

func firstTime(raws ...json.RawMessage) (object.Time, error) {
	for _, raw := range raws {
		if t, err := timeOf(raw); err != nil || t != 0 {
			return t, err
		}
	}
	return 0, nil
}
