package can

import (
	"errors"
	"fmt"
)

// The reasons for which input is refused (spec/can.md#refusals). An [*Error]
// wraps exactly one of them.
var (
	ErrTruncated = errors.New("input ends inside a value")                             // [can-17]
	ErrTrailing  = errors.New("bytes after the value")                                 // [can-18]
	ErrVarint    = errors.New("integer is over-long or exceeds 64 bits")               // [can-19]
	ErrTag       = errors.New("unknown tag")                                           // [can-20]
	ErrUTF8      = errors.New("text is not valid UTF-8")                               // [can-21]
	ErrOrder     = errors.New("map keys are not in ascending order of their encoding") // [can-22]
	ErrDuplicate = errors.New("map key appears twice")                                 // [can-23]
	ErrLength    = errors.New("length or count exceeds what is left of the input")     // [can-24]
	ErrDepth     = errors.New("more than 64 containers inside one another")            // [can-25]
	ErrType      = errors.New("value has the wrong type")                              // [can-26]
	ErrRange     = errors.New("value is out of range")                                 // [can-27]
	ErrMissing   = errors.New("required field is missing")                             // [can-28]
	ErrInvalid   = errors.New("invalid field")                                         // [can-29]
)

// Error is a refusal of encoded input: what was wrong, and where.
type Error struct {
	Offset int    // byte offset into the input of the value or key at fault
	Path   string // the field at fault, "trace_ref.receipt_ids[3]"; empty outside of structs
	Reason error  // one of the Err sentinels of this package, or wraps one
	Detail string // what was expected or found; may be empty
}

func (e *Error) Error() string {
	where := fmt.Sprintf("offset %d", e.Offset)
	if e.Path != "" {
		where += " (" + e.Path + ")"
	}
	if e.Detail == "" {
		return fmt.Sprintf("%s: %v", where, e.Reason)
	}
	return fmt.Sprintf("%s: %v: %s", where, e.Reason, e.Detail)
}

// Unwrap gives the sentinel, so that errors.Is finds it.
func (e *Error) Unwrap() error { return e.Reason }

// within puts a step (a field's name or "[index]") before the path of a refusal.
func within(err error, step string) error {
	if e, ok := err.(*Error); ok {
		switch {
		case e.Path == "" || e.Path[0] == '[':
			e.Path = step + e.Path
		default:
			e.Path = step + "." + e.Path
		}
	}
	return err
}
