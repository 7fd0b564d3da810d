// Package foreigntest has a Handler that keeps what it hears, for the tests of forms.
package foreigntest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/signal"
)

// Hearer is a Handler that keeps what it hears.
type Hearer struct {
	List    []*foreign.Record
	Refused []*foreign.RecordError
	Losses  []foreign.Loss
	Others  []foreign.Loss // what it was told of as none of the form
	strict  bool           // the first bad record ends the reading
}

// Record implements foreign.Handler.
func (h *Hearer) Record(r *foreign.Record) error { h.List = append(h.List, r); return nil }

// Bad implements foreign.Handler.
func (h *Hearer) Bad(e *foreign.RecordError) error {
	h.Refused = append(h.Refused, e)
	if h.strict {
		return e
	}
	return nil
}

// Lost implements foreign.Handler.
func (h *Hearer) Lost(what, why string) error {
	h.Losses = foreign.AddLosses(h.Losses, []foreign.Loss{{What: what, Why: why, Count: 1}})
	return nil
}

// Passed implements foreign.Handler.
func (h *Hearer) Passed(what string) {
	h.Others = foreign.AddLosses(h.Others, []foreign.Loss{{What: what, Count: 1}})
}

// Hear reads a text, bad records included.
func Hear(t *testing.T, form foreign.Reader, text string) *Hearer {
	t.Helper()
	h := &Hearer{}
	if err := form.Read(strings.NewReader(text), h); err != nil {
		t.Fatal(err)
	}
	return h
}

// Read reads a text that has no bad record.
func Read(t *testing.T, form foreign.Reader, text string) []*foreign.Record {
	t.Helper()
	h := Hear(t, form, text)
	if len(h.Refused) > 0 {
		t.Fatal(h.Refused[0])
	}
	return h.List
}

// Refused reads a text whose first record must be refused for a reason.
func Refused(t *testing.T, form foreign.Reader, text, reason string) {
	t.Helper()
	err := form.Read(strings.NewReader(text), &Hearer{strict: true})
	if !errors.Is(err, foreign.ErrRecord) || !strings.Contains(err.Error(), reason) {
		t.Errorf("%s: %v; expected: %s", text, err, reason)
	}
}

// show is a record in one line.
func show(r *foreign.Record) string {
	text := fmt.Sprintf("%d %s -> %s (%d)", r.Time, r.Input, r.Output, r.Status)
	for _, c := range r.Calls {
		text += fmt.Sprintf("; %s %s -> %s (%d)", c.Tool, c.Request, c.Response, c.Status)
	}
	for _, s := range r.Signals {
		text += fmt.Sprintf("; %s = %s", signal.TypeName(s.Type), s.Value)
	}
	return text
}

// CheckShown compares records with what show makes of them.
func CheckShown(t *testing.T, list []*foreign.Record, want ...string) {
	t.Helper()
	var got []string
	for _, r := range list {
		got = append(got, show(r))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Brief is a record without its times and details, in one line.
func Brief(r *foreign.Record) string {
	var list []string
	for _, c := range r.Calls {
		list = append(list, fmt.Sprintf("%s: %s -> %s (%d)", c.Tool, c.Request, c.Response, c.Status))
	}
	return strings.Join(append(list, fmt.Sprintf("%s -> %s (%d)", r.Input, r.Output, r.Status)), "; ")
}

// Decode decodes JSON with encoding/json and the digits of its numbers.
func Decode(data []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err = dec.Decode(&v); err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	return v, err
}
