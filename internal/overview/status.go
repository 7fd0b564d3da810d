package overview

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/webhook"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/gc"
)

// Status is the answer of `mythos status`.
type Status struct {
	Repository string            `json:"repository"` // its .mythos folder
	Name       string            `json:"name"`       // of the agent that signs here
	Key        string            `json:"public_key"` // 64 hex digits
	KeyID      object.Hash       `json:"key_id"`
	Entries    uint64            `json:"ledger_entries"`
	Effects    uint64            `json:"effects"`        // with a key
	Pending    uint64            `json:"pending"`        // running now
	Unknown    uint64            `json:"unknown"`        // the lease expired without an outcome
	Divergent  uint64            `json:"divergent"`      // the history contradicts itself
	Sound      bool              `json:"ledger_sound"`   // the log was only extended since the last look
	Checked    uint64            `json:"ledger_checked"` // entries for which that was proven; `mythos ledger verify` recomputes all
	Blobs      uint64            `json:"blobs"`
	BlobBytes  uint64            `json:"blob_bytes"`
	Trash      uint64            `json:"trash"` // collected things that can still be restored
	TrashBytes uint64            `json:"trash_bytes"`
	Tools      uint64            `json:"tools"`
	Caps       uint64            `json:"caps"`          // valid ones held by this agent
	Expiring   uint64            `json:"caps_expiring"` // of these, the number that expires within a day
	Trusted    uint64            `json:"trusted_agents"`
	Peers      []string          `json:"peers"`             // their names
	Rings      map[string]string `json:"rings,omitempty"`   // what the ring refs point to
	Frozen     []string          `json:"frozen,omitempty"`  // what is frozen, since when and why
	Waiting    []string          `json:"waiting,omitempty"` // calls that wait for approval
	Attention  []Attention       `json:"attention"`         // what a person should look at, most urgent first
}

// expiringSoon is how long before it an expiry needs attention.
const expiringSoon = 24 * time.Hour

// StatusOf gathers the state of the repository. From the ledger it reads the entries since the last time
// ([repo.Repo.Summarize]), and the events of the last day.
func StatusOf(ctx context.Context, n *repo.Repo) (*Status, error) {
	g := &gatherer{n: n, s: &Status{Repository: n.Dir, Name: n.Self().Hint, Key: n.Self().KeyHex(), KeyID: n.Self().KeyID(), Rings: map[string]string{}, Peers: []string{}}}
	for _, part := range []func(context.Context) error{g.frozen, g.waiting, g.ledger, g.recent, g.store, g.caps, g.trust} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	g.s.Attention = g.byUrgency()
	return g.s, nil
}

// gatherer gathers a status.
type gatherer struct {
	n    *repo.Repo
	s    *Status
	list []Attention
}

func (g *gatherer) store(ctx context.Context) error {
	n, s := g.n, g.s
	err := n.Store.Blobs(ctx, func(r object.BlobRef) error {
		s.Blobs++
		s.BlobBytes += r.Size
		return nil
	})
	if err != nil {
		return err
	}
	t, err := gc.CountTrash(ctx, n.Store)
	if err != nil {
		return err
	}
	s.Trash, s.TrashBytes = t.Things, t.Bytes
	if err := exec.SkipDangling(n.Tools.List(ctx, func(exec.Tool) error { s.Tools++; return nil })); err != nil {
		return err
	}
	return n.Store.Refs(ctx, func(name string, h object.Hash) error {
		if _, ring := lookup.RingOf(name); ring {
			s.Rings["@"+name] = h.String()
		}
		return nil
	})
}

// frozen lists what is frozen.
func (g *gatherer) frozen(ctx context.Context) error {
	st, err := g.n.Holds.State(ctx)
	if err != nil {
		return err
	}
	if st.File {
		g.s.Frozen = append(g.s.Frozen, "everything is frozen by the file "+g.n.Holds.File)
		g.attend(Warning, "rm "+g.n.Holds.File, "no call happens while the file is there", "everything is frozen by a file")
	}
	for _, h := range st.Frozen {
		words := g.n.Holds.Words(ctx, h)
		g.s.Frozen = append(g.s.Frozen, words)
		g.attend(Warning, g.n.Holds.Remedy(ctx, h), "no such call happens until somebody thaws it", "%s", words)
	}
	return nil
}

// waiting lists the calls that wait for people.
func (g *gatherer) waiting(ctx context.Context) error {
	list, err := g.n.Approvals.Kept(ctx, false)
	for _, st := range list {
		words := fmt.Sprintf("a call of %s waits for approval %s by %s, %d of %d agreed", g.n.Toolbox.Name(ctx, st.ToolID), st.ID.Short(), st.Role, st.Yes, st.Need)
		g.s.Waiting = append(g.s.Waiting, words)
		if st.State == approval.Waiting {
			g.attend(Warning, "mythos approve show "+st.ID.Short(), "it expires at "+st.ExpiresAt.String(), "%s", words)
		}
	}
	if err != nil {
		return err
	}
	untold, err := webhook.GivenUp(ctx, g.n.DB, g.n.Now())
	for i, u := range untold {
		if i == maxNamed {
			break
		}
		g.attend(Notice, "mythos approve ls --all", "is the receiver in approval_webhook there, with this secret?", "the receiver was not told of approval %s: %s", u.Approval.Short(), u.Why)
	}
	return err
}

func (g *gatherer) trust(ctx context.Context) error {
	n, s, now := g.n, g.s, g.n.Now()
	for _, e := range n.Trust.Entries() {
		switch {
		case e.Over(now) || len(e.For) == 0: // its entry remains: what it signed before counts, and history names it
		case e.Until == 0 || now.Add(expiringSoon) < e.Until:
			s.Trusted++
		default:
			s.Trusted++
			g.attend(Notice, "mythos trust ls", "`mythos trust add` prolongs it", "%s is trusted only until %s", e.Name, e.Until)
		}
	}
	return n.Peers.Each(ctx, func(p peers.Peer) error {
		s.Peers = append(s.Peers, p.Name)
		return nil
	})
}
