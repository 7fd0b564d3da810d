package can

import (
	"errors"
	"fmt"
)

// The reasons for which input is refused (spec/can.md#refusals). An [*Error]
// wraps exactly one of them.
var (
	ErrTruncated = errors.New("input ends inside a value")
	ErrTrailing  = errors.New("bytes after the value")
	ErrVarint    = errors.New("integer is over-long or exceeds 64 bits")
	ErrTag       = errors.New("unknown tag")
	ErrUTF8      = errors.New("text is not valid UTF-8")
	ErrOrder     = errors.New("map keys are not in ascending order of their encoding")
	ErrDuplicate = errors.New("map key appears twice")
	ErrLength    = errors.New("length or count exceeds what is left of the input")
	ErrDepth     = errors.New("more than 64 containers inside one another")
	ErrType      = errors.New("value has the wrong type")
	ErrRange     = errors.New("value is out of range")
	ErrMissing   = errors.New("required field is missing")
)

// Error is a refusal of encoded input: what was wrong, and where.
type Error struct {
	Offset int    // byte offset into the input of the value or key at fault
	Reason error  // one of the Err sentinels of this package
	Detail string // what was expected or found; may be empty
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("offset %d: %v", e.Offset, e.Reason)
	}
	return fmt.Sprintf("offset %d: %v: %s", e.Offset, e.Reason, e.Detail)
}

// Unwrap gives the sentinel, so that errors.Is finds it.
func (e *Error) Unwrap() error { return e.Reason }
