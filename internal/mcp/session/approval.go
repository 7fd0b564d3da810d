package session

import (
	"context"
	"errors"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/object"
)

// approvalWait is how long a call waits for people: clients give a call up after a minute.
const approvalWait = 45 * time.Second

// askedFor returns the key of an equal call that people were asked to approve; empty: there is none.
func (s *Session) askedFor(ctx context.Context, c Call) (string, error) {
	if s.Gate.Approvals == nil {
		return "", nil
	}
	chains, err := s.chains(ctx, c.Tool.ID, false)
	if err != nil {
		return "", err
	}
	return s.Asked(ctx, c, chains)
}

// Asked returns the key of an equal call, under one of the chains, that people were asked to approve; empty: there is
// none.
func (s *Session) Asked(ctx context.Context, c Call, chains []caps.Chain) (string, error) {
	if s.Gate.Approvals == nil || len(chains) == 0 {
		return "", nil
	}
	w := approval.Wish{Tool: c.Tool.ID, RequestHash: object.Sum(c.Request)}
	if module, err := c.Tool.Module.Hash(); err == nil {
		w.Module = &module
	}
	key, err := s.Gate.Approvals.Key(ctx, w, chains)
	return string(key), err
}

// agreed waits until people have decided about a refused call. It reports whether the call may be made again.
func (s *Session) agreed(ctx context.Context, c Call, why error) bool {
	var denied *caps.DeniedError
	if !errors.As(why, &denied) || denied.Approval.IsZero() || s.ApprovalWait < 0 || s.Gate.Approvals == nil {
		return false
	}
	if c.Waits != nil {
		c.Waits(denied.Reason)
	}
	wait := s.ApprovalWait
	if wait == 0 {
		wait = approvalWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_, err := s.Gate.Approvals.Wait(ctx, denied.Approval)
	return err == nil
}

// waits is what the model reads about a call that people have to approve.
func waits(status uint16, at string, denied *caps.DeniedError) Refusal {
	if denied.Approval.IsZero() {
		return Refusal{status, "approval", "Refused" + at + ": " + denied.Reason + ".", nothing, ""}
	}
	return Refusal{status, "approval", "Refused" + at + ": " + denied.Reason + ".", noneYet + " Call again unchanged once people have agreed.", denied.Help}
}
