package node

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Status is what `mythos status` tells.
type Status struct {
	Repository string            `json:"repository"` // its .mythos folder
	Name       string            `json:"name"`       // of the agent that signs here
	Key        string            `json:"public_key"` // 64 hex digits
	KeyID      object.Hash       `json:"key_id"`
	Entries    uint64            `json:"ledger_entries"`
	Effects    uint64            `json:"effects"`        // with a key
	Pending    uint64            `json:"pending"`        // running now
	Unknown    uint64            `json:"unknown"`        // the lease ran out without an outcome
	Divergent  uint64            `json:"divergent"`      // the history contradicts itself
	Sound      bool              `json:"ledger_sound"`   // the log was only added to since it was last looked at
	Checked    uint64            `json:"ledger_checked"` // entries of which that was proven; `mythos ledger verify` recomputes all
	Blobs      uint64            `json:"blobs"`
	BlobBytes  uint64            `json:"blob_bytes"`
	Trash      uint64            `json:"trash"` // collected things that can still be brought back
	TrashBytes uint64            `json:"trash_bytes"`
	Tools      uint64            `json:"tools"`
	Caps       uint64            `json:"caps"`          // valid ones held by this agent
	Expiring   uint64            `json:"caps_expiring"` // of them, those that expire within a day
	Trusted    uint64            `json:"trusted_agents"`
	Peers      []string          `json:"peers"`           // their names
	Rings      map[string]string `json:"rings,omitempty"` // what the ring refs point to
	Attention  []Attention       `json:"attention"`       // what a person should look at, the worst first
}

// Attention is something that a person should look at.
type Attention struct {
	What string `json:"what"`
	Do   string `json:"do"` // a command that helps
}

// expiringSoon is when an expiry needs attention.
const expiringSoon = 24 * time.Hour

// Status gathers the state of the repository. Of the ledger it reads what came since
// it was last asked ([Node.Summarize]).
func (n *Node) Status(ctx context.Context) (*Status, error) {
	s := &Status{Repository: n.Dir, Name: n.Self().Hint, Key: n.Self().KeyHex(), KeyID: n.Self().KeyID(), Rings: map[string]string{},
		Peers: []string{}, Attention: []Attention{}}
	for _, part := range []func(context.Context, *Status) error{n.ledgerStatus, n.storeStatus, n.capStatus, n.trustStatus} {
		if err := part(ctx, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Status) attend(do, format string, args ...any) {
	s.Attention = append(s.Attention, Attention{fmt.Sprintf(format, args...), do})
}

func (n *Node) ledgerStatus(ctx context.Context, s *Status) error {
	sum, err := n.Summarize(ctx)
	if err != nil {
		return err
	}
	s.Entries, s.Effects, s.Sound = sum.Entries, sum.Effects, sum.Problem == ""
	s.Checked = sum.Checked
	if !s.Sound {
		s.attend("mythos ledger verify --checkpoint FILE", "%s", sum.Problem)
	}
	for _, e := range sum.Open {
		n.openEffect(ctx, s, e)
	}
	return nil
}

// maxAttention is how many effects are named one by one.
const maxAttention = 10

func (n *Node) openEffect(ctx context.Context, s *Status, e ledger.State) {
	name := "effect " + e.IdemID.Short()
	if len(e.History) > 0 && e.History[0].Register != nil {
		r := e.History[0].Register
		name = fmt.Sprintf("%s with key %q", n.ToolName(ctx, r.ToolID), r.IdempotencyKey)
	}
	count, what, do := &s.Pending, "", "mythos ledger resolve "+e.IdemID.String()+" --decision abandon"
	switch e.At(n.now()) {
	case ledger.StatusUnknown:
		count, what = &s.Unknown, "nobody knows whether it happened"
	case ledger.StatusDivergent:
		count, what = &s.Divergent, "its history contradicts itself"
	case ledger.StatusUnverifiable:
		count, what, do = &s.Unknown, "it was committed by a key that nobody here knows", "mythos trust add KEY --name NAME --for ledger"
	case ledger.StatusReleased:
		return
	}
	*count++
	if what != "" && s.Unknown+s.Divergent <= maxAttention {
		s.attend(do, "%s: %s", name, what)
	}
}

func (n *Node) storeStatus(ctx context.Context, s *Status) error {
	err := n.Store.Blobs(ctx, func(r object.BlobRef) error {
		s.Blobs++
		s.BlobBytes += r.Size
		return nil
	})
	if err != nil {
		return err
	}
	t, err := n.Store.Trash(ctx)
	if err != nil {
		return err
	}
	s.Trash, s.TrashBytes = t.Things, t.Bytes
	if err := exec.SkipDangling(n.Tools.List(ctx, func(exec.Tool) error { s.Tools++; return nil })); err != nil {
		return err
	}
	return n.Store.Refs(ctx, func(name string, h object.Hash) error {
		if _, ring := ringOf(name); ring {
			s.Rings["@"+name] = h.String()
		}
		return nil
	})
}

func (n *Node) capStatus(ctx context.Context, s *Status) error {
	now := n.now()
	return n.Caps(ctx, func(l caps.Link) error {
		if !l.Cap.Subject.Same(n.Self()) || now >= l.Cap.ExpiresAt {
			return nil
		}
		s.Caps++
		if left := l.Cap.ExpiresAt.Std().Sub(now.Std()); left < expiringSoon {
			s.Expiring++
			// Those for minutes are meant to run out.
			if l.Cap.ExpiresAt >= l.Cap.NotBefore.Add(2*expiringSoon) && s.Expiring <= maxAttention {
				s.attend("mythos cap issue --to self --scope "+l.Cap.Scope.String()+" --ttl 30d",
					"capability %s (%s) expires in %s", l.ID.Short(), l.Cap.Scope, left.Round(time.Minute))
			}
		}
		return nil
	})
}

func (n *Node) trustStatus(ctx context.Context, s *Status) error {
	now := n.now()
	for _, e := range n.Trust.Entries() {
		switch {
		case e.Over(now) || len(e.For) == 0: // its entry stays: what it signed before counts, and history names it
		case e.Until == 0 || now.Add(expiringSoon) < e.Until:
			s.Trusted++
		default:
			s.Trusted++
			s.attend("mythos trust ls", "%s is trusted only until %s", e.Name, e.Until)
		}
	}
	return n.Peers(ctx, func(p Peer) error {
		s.Peers = append(s.Peers, p.Name)
		return nil
	})
}

// GCReport is what a garbage collection found.
type GCReport struct {
	store.GCReport
	Memos uint64 // of pure tasks, that were too old
	Trash store.Trash
}

// GC frees what nothing reaches: blobs, pins and refs keep their trees; receipts
// keep requests and responses; objects keep whatever they mention; tools keep their
// modules. Memos that are too old go, too.
// trash is how long what was collected can be brought back; negative: not at all.
func (n *Node) GC(ctx context.Context, dry bool, trash time.Duration, progress store.Progress) (rep GCReport, err error) {
	if rep.Memos, err = n.Exec.EvictMemos(ctx, dry); err != nil {
		return rep, err
	}
	if !dry {
		if err = n.sweepRunning(ctx); err != nil {
			return rep, err
		}
	}
	rep.GCReport, err = n.Store.GC(ctx, store.GCOptions{Now: n.now(), DryRun: dry, Trash: trash, Roots: n.roots, Progress: progress})
	if err == nil {
		rep.Trash, err = n.Store.Trash(ctx)
	}
	return rep, err
}

func (n *Node) roots(ctx context.Context, keep func(object.Hash)) error {
	err := n.Ledger.Log(ctx, ledger.Filter{Kind: ledger.EntryReceipt}, func(e ledger.Entry) error {
		keep(e.Receipt.RequestHash)
		keep(e.Receipt.ResponseHash)
		for _, h := range e.Receipt.Evidence {
			keep(h)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	if err := n.objectRoots(ctx, keep); err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return n.runRoots(ctx, keep)
}
