package authority_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

func draft(t *testing.T, n, to *repo.Repo) caps.Draft {
	t.Helper()
	sc, err := scope.New(&scope.ToolCall{ToolID: object.SumText("tool"), MaxCalls: 1})
	if err != nil {
		t.Fatal(err)
	}
	return caps.Draft{Subject: to.Self(), Scope: sc, NotBefore: n.Now(), ExpiresAt: n.Now().Add(time.Hour)}
}

// issued returns the stored capabilities, and those that have a receipt.
func issued(t *testing.T, n *repo.Repo) (kept, recorded []object.Hash) {
	t.Helper()
	err := errors.Join(
		n.Auth.Each(t.Context(), func(l caps.Link) error { kept = append(kept, l.ID); return nil }),
		n.Ledger.Log(t.Context(), kvledger.Filter{}, func(e ledger.Entry) error {
			if r := e.Receipt; r != nil && r.ToolID == exec.BuiltinID("cap.issue") && r.Status == exec.StatusOK {
				recorded = append(recorded, r.ResponseHash)
			}
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(recorded, object.Hash.Compare)
	return kept, recorded
}

// TestIssueToOnce: one request, no matter how often and by how many processes it is answered at once, gives one
// capability with its receipt. Another request under its key gives nothing.
func TestIssueToOnce(t *testing.T) {
	n, to := peertest.Repo(t, "authority"), peertest.Repo(t, "scout")
	q := authority.Asked{Key: object.SumText("token"), Agent: to.Self(), Body: object.SumText("request"), Until: n.Now().Add(time.Hour)}
	d := draft(t, n, to)
	var all sync.WaitGroup
	var given [8]*authority.Given
	var errs [len(given)]error
	for i := range given {
		all.Go(func() {
			d := d
			d.NotBefore -= object.Time(i) // each makes a different capability
			given[i], errs[i] = n.Auth.IssueTo(t.Context(), q, d, []byte("proof"))
		})
	}
	all.Wait()
	for i, g := range given {
		if errs[i] != nil || g.Link.ID != given[0].Link.ID || string(g.Proof) != "proof" {
			t.Fatalf("%+v, %v", g, errs[i])
		}
	}
	kept, recorded := issued(t, n)
	if len(kept) != 1 || !slices.Equal(kept, recorded) {
		t.Errorf("%d are kept, %d have a receipt", len(kept), len(recorded))
	}
	for name, other := range map[string]authority.Asked{"another agent": {q.Key, n.Self(), q.Body, q.Until}, "another request": {q.Key, q.Agent, object.SumText("other"), q.Until}} {
		if _, err := n.Auth.IssueTo(t.Context(), other, d, []byte("proof")); !errors.Is(err, authority.ErrAsked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, err := n.Auth.Given(t.Context(), q); err != nil || again.Link.ID != given[0].Link.ID {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestNothingHalf: an abandoned issuance leaves neither a capability nor a receipt.
func TestNothingHalf(t *testing.T) {
	n, to := peertest.Repo(t, "authority"), peertest.Repo(t, "scout")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Auth.Issue(over, draft(t, n, to)); err == nil {
		t.Fatal("an issuance that was given up succeeds")
	}
	if kept, recorded := issued(t, n); !slices.Equal(kept, recorded) {
		t.Errorf("%d are kept, %d have a receipt", len(kept), len(recorded))
	}
	link, err := n.Auth.Issue(t.Context(), draft(t, n, to))
	if err != nil {
		t.Fatal(err)
	}
	if kept, recorded := issued(t, n); !slices.Contains(kept, link.ID) || !slices.Equal(kept, recorded) {
		t.Errorf("%d are kept, %d have a receipt", len(kept), len(recorded))
	}
}

// TestRevokeAgent: everything that an agent holds or has issued ends; what others issued with keys that are not here
// remains valid, and is reported.
func TestRevokeAgent(t *testing.T) {
	n, scout, other := peertest.Repo(t, "authority"), peertest.Repo(t, "scout"), peertest.Repo(t, "other")
	held, err := n.Auth.Issue(t.Context(), draft(t, n, scout))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := caps.Issue(other.Key, draft(t, other, scout))
	if err == nil {
		err = n.Auth.Add(t.Context(), foreign)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.Auth.RevokeAgent(t.Context(), scout.Self())
	if err != nil || !slices.Equal(r.Held, []object.Hash{held.ID}) || len(r.Issued) != 0 || len(r.Standing) != 1 || r.Standing[0].ID != foreign.ID {
		t.Fatalf("%+v, %v", r, err)
	}
	list, err := n.Auth.Revocations.List(t.Context(), n.Self())
	if err != nil || list == nil || !list.Has(held.ID) {
		t.Errorf("%+v, %v", list, err)
	}
	if r, err := n.Auth.RevokeAgent(t.Context(), scout.Self()); err != nil || len(r.Held) != 0 {
		t.Errorf("revoked twice: %+v, %v", r, err)
	}
}
