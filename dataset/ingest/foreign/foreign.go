// Package foreign defines the common form of evidence that others recorded (spec/datasets.md#import): records, and what
// could not be read. A [Reader] reads one form; a [Handler] receives its records. Package ingest has the Handler that
// stores them.
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

// RecordError names the record and the reason. It wraps ErrRecord.
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
	Answered object.Time // when the question for the answer was asked; 0: Time
	Input    []byte      // what was asked
	Output   []byte      // the answer
	Status   uint16      // HTTP-like
	Model    string      // the answering model; empty: not recorded
	Calls    []Call      // the tools, and the models before the answering one, in order
	Signals  []Signal
	Details  Details // of the answer
	Note     string  // why it failed, or what was not recorded; empty: nothing
}

// Call is one call of a tool, or of a model.
type Call struct {
	Tool     string
	Request  []byte
	Response []byte
	Status   uint16
	Time     object.Time // 0: that of the record
	Details  Details
	Note     string // as in a Record
	Model    bool   // a call of a model, not of a tool
}

// Details are further data about a call, as a JSON object: the id of the call, the model, its usage, why it ended, the
// conversation. Empty: none.
type Details = json.RawMessage

// Statuses for outcomes that the forms record only as good or bad, or not at all.
const (
	StatusOK      = 200
	StatusFailed  = 500
	StatusNothing = 204 // no response was recorded
)

// Signal is a record's statement about the episode.
type Signal struct {
	Type  uint8 // signal.Reward, Label or Constraint
	Value ir.Scalar
}

// Reader reads the records of one form and passes each to a Handler.
type Reader interface {
	Read(r io.Reader, h Handler) error
	// Name is the form's name, such as "chat"; Code identifies the rules for reading it.
	Name() string
	Code() object.Hash
}

// Handler receives the output of a Reader. Its methods may keep their arguments. An error ends the reading.
type Handler interface {
	// Record takes a record.
	Record(*Record) error
	// Bad decides about a record that cannot be understood.
	Bad(*RecordError) error
	// Lost receives something that belongs to the form and was not understood: what, in the plural, and why.
	Lost(what, why string) error
	// Passed receives something that does not belong to the form, such as the span of a web server among those of
	// models.
	Passed(what string)
}
