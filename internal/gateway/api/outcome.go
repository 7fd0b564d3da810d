package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// outcome returns what is known of an effect whose call ended with an error; empty if the call was refused before the
// ledger was asked, which says nothing of earlier requests with the key. If the error does not say, the ledger does: an
// attempt that was not registered did nothing, and what a registered attempt without an outcome did is unknown.
func (s *Service) outcome(ctx context.Context, idem object.Hash, err error) string {
	var refused *exec.RefusedError
	switch {
	case errors.Is(err, ledger.ErrUnknownOutcome):
		return Unknown
	case errors.Is(err, ledger.ErrBusy):
		return UnderWay
	case errors.Is(err, ledger.ErrIdempotencyConflict):
		return NotHappened // this request, whatever the key stands for
	case errors.As(err, &refused) && !errors.Is(err, caps.ErrQuota):
		return ""
	}
	st, failed := s.Read(ctx, idem)
	if failed != nil {
		return Unknown
	}
	switch st.At(s.Now()) {
	case ledger.StatusNone, ledger.StatusReleased:
		return NotHappened
	case ledger.StatusCommitted:
		return Recorded
	}
	return Unknown
}

// statusOf returns the HTTP status of an error. 504 stands for an unknown outcome, and for nothing else.
func statusOf(outcome string, err error) int {
	switch {
	case outcome == Unknown:
		return http.StatusGatewayTimeout
	case errors.Is(err, ledger.ErrBusy):
		return http.StatusConflict
	case errors.Is(err, ledger.ErrIdempotencyConflict):
		return http.StatusUnprocessableEntity
	case errors.Is(err, errHeader):
		return http.StatusBadRequest
	case errors.Is(err, errTooLarge), errors.Is(err, exec.ErrRequestTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, exec.ErrNoTool):
		return http.StatusNotFound
	case errors.Is(err, exec.ErrNotStarted):
		return http.StatusServiceUnavailable
	}
	var refused *exec.RefusedError
	var denied *caps.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Check == caps.CheckRate:
		return http.StatusTooManyRequests
	case errors.As(err, &refused) && refused.Status == exec.StatusFrozen:
		return http.StatusLocked
	case errors.As(err, &refused) && refused.Status == exec.StatusApproval:
		return http.StatusPreconditionRequired
	case errors.Is(err, caps.ErrDenied), errors.Is(err, caps.ErrQuota):
		return http.StatusForbidden
	}
	if errors.As(err, &refused) && refused.Status == exec.StatusBadRequest {
		return http.StatusBadRequest
	}
	if errors.As(err, &refused) {
		return http.StatusForbidden
	}
	return peer.StatusOf(err)
}
