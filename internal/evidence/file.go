package evidence

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Line is one receipt of an evidence file with many (spec/evidence.md#evidence-files).
type Line struct {
	ReceiptID object.Hash
	Evidence  []byte // the canonical EvidenceBundle
}

// lineJSON is the written form of a line: two members that the in-toto predicate also has.
type lineJSON struct {
	ReceiptID *string `json:"receiptId"`
	Evidence  *string `json:"evidence"` // base64
}

// ErrLine means that a line of an evidence file is malformed.
var ErrLine = errors.New("no line of an evidence file")

// MaxLine is the maximum length of a line in a file of many, in bytes.
const MaxLine = 16 << 20

// AppendLine writes a line.
func AppendLine(dst []byte, l Line) ([]byte, error) {
	id, bundle := l.ReceiptID.String(), base64.StdEncoding.EncodeToString(l.Evidence)
	text, err := json.Marshal(lineJSON{&id, &bundle})
	return append(append(dst, text...), '\n'), err
}

// ParseLine reads a line. [Line.Open] opens the bundle in it. The receipt's id is the one that the line names, even if
// the bundle is damaged.
func ParseLine(text []byte) (l Line, err error) {
	var v lineJSON
	if err := jsontext.Unmarshal(text, &v); err != nil {
		return l, fmt.Errorf("%w: %w", ErrLine, err)
	}
	if v.ReceiptID == nil || v.Evidence == nil {
		return l, fmt.Errorf("%w: it lacks receiptId or evidence", ErrLine)
	}
	if l.ReceiptID, err = object.ParseHash(*v.ReceiptID); err != nil || l.ReceiptID.String() != *v.ReceiptID {
		return l, fmt.Errorf("%w: receiptId is not a hash of 64 lower-case hex digits", ErrLine)
	}
	l.Evidence, err = base64.StdEncoding.DecodeString(*v.Evidence)
	if err != nil || base64.StdEncoding.EncodeToString(l.Evidence) != *v.Evidence { // the decoder skips line ends and spare bits
		return l, fmt.Errorf("%w: evidence is not base64 (RFC 4648, section 4)", ErrLine)
	}
	return l, nil
}

// Open checks that the line's bundle is intact, and that it belongs to the receipt that the line names.
func (l Line) Open() (*ledger.Evidence, error) {
	ev, _, err := l.open()
	return ev, err
}

func (l Line) open() (*ledger.Evidence, []Signer, error) {
	ev, agreed, err := open(l.Evidence)
	if err != nil {
		return nil, nil, err
	}
	if ev.ReceiptID != l.ReceiptID {
		return nil, nil, fmt.Errorf("%w: it is the evidence of receipt %s, and says %s", ledger.ErrEntry, ev.ReceiptID.Short(), l.ReceiptID.Short())
	}
	return ev, agreed, nil
}

// Many reports whether r holds a file of many, with one line for each receipt, of evidence or of in-toto envelopes. It
// returns a reader from which the whole file can be read. A damaged first line does not hide the lines after it.
func Many(r *bufio.Reader) (bool, *bufio.Reader, error) {
	first, tooLong, err := nextLine(r)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, nil, err
	}
	if tooLong {
		return false, nil, fmt.Errorf("%w: the first is longer than %d MiB", ErrLine, MaxLine>>20)
	}
	next, _ := r.Peek(1)
	var v lineJSON
	many := json.Unmarshal(first, &v) == nil && v.ReceiptID != nil ||
		string(next) == "{" && utf8.Valid(first) && !bytes.ContainsFunc(bytes.TrimSpace(first), unicode.IsControl)
	return many, bufio.NewReader(io.MultiReader(bytes.NewReader(first), r)), nil
}

// EachLine calls fn with each line of a file of many, numbered from 1, without its line end. A line that is too long is
// passed as nil, with an error; fn decides whether to continue.
func EachLine(r *bufio.Reader, fn func(n int, line []byte, err error) error) error {
	for n := 1; ; n++ {
		line, tooLong, err := nextLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if errors.Is(err, io.EOF) && len(line) == 0 && !tooLong {
			return nil
		}
		var wrong error
		if tooLong {
			line, wrong = nil, fmt.Errorf("%w: it is longer than %d MiB", ErrLine, MaxLine>>20)
		}
		if err := fn(n, bytes.TrimRight(line, "\r\n"), wrong); err != nil {
			return err
		}
		if err != nil { // the last line may lack a line end
			return nil
		}
	}
}

// nextLine reads to the next line end, and returns at most MaxLine bytes.
func nextLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > MaxLine; !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}
