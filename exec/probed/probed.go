// Package probed reads what a probe answers, as JSON on its standard output. A probe is a
// tool that a policy names; it asks the outside system whether an
// effect whose outcome nobody knows has happened. It is called with the effect's
// own request and, as the environment of a process, with the effect's key and the
// fencing number of the attempt in doubt.
package probed

import (
	"cmp"
	"errors"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// Answer is what became of the effect. With happened true it is settled: it is committed with
// that response. With happened false it runs again. Any other answer, one with a member that is
// misspelt or there twice, and a failing probe, leave the outcome unknown.
type Answer struct {
	Happened *bool  `json:"happened"`
	Status   uint16 `json:"status,omitempty"`   // of the effect, when it happened; 200 by default
	Response string `json:"response,omitempty"` // what the tool would have answered: text
	Body     []byte `json:"body,omitempty"`     // or bytes, in base64
}

// Parse reads an answer. Happened, Status and Body are set in what it returns without an error.
func Parse(body []byte) (a Answer, err error) {
	if err := jsontext.Unmarshal(body, &a); err != nil {
		return a, err
	}
	switch {
	case a.Happened == nil:
		return a, errors.New("its answer does not say \"happened\"")
	case a.Response != "" && a.Body != nil:
		return a, errors.New("its answer has both \"response\" and \"body\"")
	case a.Body == nil:
		a.Body = []byte(a.Response)
	}
	a.Status = cmp.Or(a.Status, 200)
	return a, nil
}
