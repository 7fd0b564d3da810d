package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/object"
)

// Bounds for what strangers may have verified.
const (
	maxEvidence  = 4 << 20 // bytes
	maxVerifying = 2       // at a time
)

// errMany means that a body has several lines, one for each receipt.
var errMany = errors.New("the body holds many receipts")

// verify answers, for a receipt or evidence of one, what `mythos receipt verify --json` prints here. Anybody may ask:
// it reveals whom this repository trusts, and nothing else of it.
func (s *Service) verify(w http.ResponseWriter, r *http.Request) {
	data, release, err := s.door.Unproven(w, r, maxEvidence)
	if err != nil {
		s.door.RefuseAs(w, r, peer.StatusOf(err), err)
		return
	}
	defer release()
	many, _, err := evidence.Many(bufio.NewReader(bytes.NewReader(data)))
	if err != nil || many && bytes.Contains(bytes.TrimSpace(data), []byte("\n")) {
		s.door.RefuseAs(w, r, http.StatusBadRequest, fmt.Errorf("%w: send one line at a time", errors.Join(errMany, err)))
		return
	}
	select {
	case s.verifying <- struct{}{}:
		defer func() { <-s.verifying }()
	case <-r.Context().Done():
		return
	}
	v, err := s.judge(r.Context(), data, many)
	if err != nil {
		s.door.RefuseAs(w, r, http.StatusInternalServerError, err)
		return
	}
	answer(w, v)
}

// judge returns the two verdicts, by the trust of this repository.
func (s *Service) judge(ctx context.Context, data []byte, line bool) (evidence.Verdict, error) {
	known := s.Known()
	var found *evidence.Finding
	var id *object.Hash
	var err error
	if line {
		found, id, err = evidence.FindLine(data, known...)
	} else {
		found, err = evidence.Find(data, known...)
	}
	if err != nil {
		return evidence.Broken(id, err), nil
	}
	return found.Judge(func(by evidence.Signer) (bool, string, error) {
		if by.Role != "" {
			return s.Approved(ctx, by.Agent, by.Role, found.ID, found.Receipt), "", nil
		}
		if slices.ContainsFunc(known, by.Agent.Same) {
			return true, "", nil
		}
		counted, under := s.Counted(ctx, by.Agent, found.ID, found.Receipt)
		return counted, under, nil
	})
}
