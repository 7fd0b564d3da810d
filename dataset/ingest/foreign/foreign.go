// Package foreign has what every form of evidence that others recorded is read into
// (spec/datasets.md#import): records, and what could not be read. A form is a [Reader]; what is
// done with its records is up to the [Handler], of which package ingest has the one that keeps them.
package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

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
	Source   []byte      // the record's bytes
	Time     object.Time // 0: not recorded
	Answered object.Time // when the answer was asked for; 0: Time
	Input    []byte      // what was asked
	Output   []byte      // the answer
	Status   uint16      // HTTP-like
	Model    string      // who answered; empty: not recorded
	Calls    []Call      // the tools, and the models before the one that answered, in order
	Signals  []Signal
	Details  Details // of the answer
	Note     string  // why it failed, or what was not recorded; empty: nothing to say
}

// Call is one call of a tool, or of a model.
type Call struct {
	Tool     string
	Request  []byte
	Response []byte
	Status   uint16
	Time     object.Time // 0: that of the record
	Details  Details
	Note     string // as of a Record
	Model    bool   // a model was called, no tool
}

// Details are what else a record tells of a call, as a JSON object: the id of the call,
// the model, its usage, why it ended, the conversation. Empty: nothing.
type Details = json.RawMessage

// Statuses for what the forms tell only as good or bad, or not at all.
const (
	StatusOK      = 200
	StatusFailed  = 500
	StatusNothing = 204 // no response was recorded
)

// Signal is what the record says of the episode.
type Signal struct {
	Type  uint8 // signal.Reward, Label or Constraint
	Value ir.Scalar
}

// Reader reads the records of one form and tells a Handler of each.
type Reader interface {
	Read(r io.Reader, h Handler) error
	// Name is the form's, such as "chat"; Code identifies the rules by which it is read.
	Name() string
	Code() object.Hash
}

// Handler hears what a Reader reads. Its methods may keep what they get. What they
// return ends the reading, unless it is nil.
type Handler interface {
	// Record takes a record.
	Record(*Record) error
	// Bad decides about a record that cannot be understood.
	Bad(*RecordError) error
	// Lost is told of something that belongs to the form and was not understood: what, in
	// the plural, and why.
	Lost(what, why string) error
	// Passed is told of something that does not belong to the form, such as the span of a
	// web server among those of models.
	Passed(what string)
}
