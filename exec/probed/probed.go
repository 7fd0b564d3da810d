// Package probed reads the answer of a probe: JSON on its standard output. A probe is a tool that a policy names. It
// asks the outside system whether an effect with an unknown outcome has happened. It gets the effect's own request and,
// in the environment of a process, the effect's key and the fence of the attempt in doubt.
package probed

import (
	"cmp"
	"errors"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// Answer says whether the effect happened. If happened is true, the effect is committed with that response. If happened
// is false, it runs again. Any other answer leaves the outcome unknown; so does an answer with a misspelt or repeated
// member, and a probe that fails.
type Answer struct {
	Happened *bool  `json:"happened"`
	Status   uint16 `json:"status,omitempty"`   // of the effect, if it happened; default 200
	Response string `json:"response,omitempty"` // the tool's answer, as text
	Body     []byte `json:"body,omitempty"`     // or as bytes, in base64
}

// Parse reads an answer. If there is no error, Happened, Status and Body are set.
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
