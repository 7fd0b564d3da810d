package peercmd

import (
	"errors"
	"net/http"

	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
)

// PeerError gives a peer's refusal the exit code that it has on the peer.
func PeerError(err error) error {
	var se *peer.StatusError
	switch {
	case errors.Is(err, auth.ErrIdentity):
		return clierr.New(clierr.Refused, "%w", err)
	case !errors.As(err, &se):
		return err
	}
	return clierr.New(refusalCode(se), "%w", err).With(refusalHint(se))
}

// refusalCode is the exit code of a refusal: the one that the peer names, otherwise that of its status.
func refusalCode(se *peer.StatusError) int {
	for _, c := range clierr.Codes {
		if c.Kind == se.Kind && c.Code != clierr.OK {
			return c.Code
		}
	}
	switch se.Status {
	case http.StatusForbidden, http.StatusConflict:
		return clierr.Refused
	case http.StatusNotFound:
		return clierr.NotFound
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return clierr.Busy
	case http.StatusRequestedRangeNotSatisfiable:
		return clierr.Usage
	case http.StatusBadRequest, http.StatusNotAcceptable:
		return clierr.Invalid
	}
	return clierr.Failed
}

// haltedCode is the exit code of a task that was halted on the peer: the same as for a task halted here.
func haltedCode(a *run.Answer) int {
	v, err := vm.ParseValue(a.Result)
	if err != nil || v.TypeID() != vm.TypeError {
		return clierr.Refused // it was cancelled
	}
	switch code := vm.HaltCode(v.Field(1).Uint()); {
	case code <= vm.HaltSpawn, code >= vm.HaltCapability && code <= vm.HaltRefused:
		return clierr.Refused
	case code == vm.HaltConflict, code == vm.HaltDivergent:
		return clierr.Conflict
	}
	return clierr.Failed
}

// refusalHint is the remedy for a refusal. The peer's own text is about its side.
func refusalHint(se *peer.StatusError) string {
	switch {
	case se.Apart() != 0:
		return "set the clock that is wrong: signed requests and submissions are valid for a few minutes only"
	case se.Status == http.StatusNotAcceptable:
		return "see `mythos codebook ls`"
	case se.Hint != "":
		return "at the peer: " + se.Hint
	case se.Status == http.StatusConflict:
		return "submit again: every submission carries a fresh replay guard"
	case se.Status == http.StatusTooManyRequests, se.Status == http.StatusServiceUnavailable:
		return "try again in a few seconds"
	case refusalCode(se) == clierr.Busy:
		return "it is still running there: submit again when it is done; the answer will be the same"
	}
	return ""
}
