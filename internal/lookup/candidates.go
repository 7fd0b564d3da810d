package lookup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/object"
)

// Candidate is a completion that a person may mean.
type Candidate struct {
	Name string // what to type: 12 digits of a hash, @ref or a name
	Note string // what it is
}

// What Candidates looks for, besides the names of the protocol's structs, which stand for objects of that kind.
const (
	AnyObject  = "*"       // objects of all kinds, and blobs
	AnyBlob    = "blob"    // blobs; "blob:" and a media type: blobs of that type
	AnyRef     = "ref"     // refs
	AnyReceipt = "receipt" // the newest receipts
	AnyRun     = "run"     // recorded runs
	AnyTool    = "tool"    // registered and built-in tools
	AnyPeer    = "peer"    // peers
	AnyAgent   = "agent"   // self and the names of trust.yaml
	AnyKey     = "key"     // the newest idempotency keys
)

// MaxCandidates is how many candidates of each sort Candidates returns.
const MaxCandidates = 64

var errEnough = errors.New("enough candidates")

// Candidates lists what begins with prefix among the given sorts, as far as it is found before ctx ends. What cannot be
// read is left out.
func (f *Finder) Candidates(ctx context.Context, prefix string, sorts ...string) []Candidate {
	var all []Candidate
	for _, sort := range sorts {
		var some []Candidate
		err := f.candidates(ctx, sort, prefix, func(c Candidate) error {
			if !strings.HasPrefix(c.Name, prefix) {
				return nil
			}
			if some = append(some, c); len(some) == MaxCandidates {
				return errEnough
			}
			return nil
		})
		if all = append(all, some...); err != nil && !errors.Is(err, errEnough) {
			f.Debugf("completion: %v", err)
		}
	}
	return all
}

func (f *Finder) candidates(ctx context.Context, sort, prefix string, add func(Candidate) error) error {
	kind, media, _ := strings.Cut(sort, ":")
	switch kind {
	case AnyObject:
		for _, s := range catalog.All() {
			if err := f.objectCandidates(ctx, s.Name, prefix, add); err != nil {
				return err
			}
		}
		return f.blobCandidates(ctx, "", prefix, add)
	case AnyBlob:
		return f.blobCandidates(ctx, media, prefix, add)
	case AnyRef:
		return f.Store.Refs(ctx, func(name string, h object.Hash) error { return add(Candidate{"@" + name, h.Short()}) })
	case AnyReceipt, AnyKey:
		return f.ledgerCandidates(ctx, kind, add)
	case AnyRun:
		return f.Exec.Runs(ctx, func(r *run.Record) error {
			return add(Candidate{r.RunID.Short(), "bundle " + r.BundleHash.Short()})
		})
	case AnyTool:
		return exec.SkipDangling(f.Tools.List(ctx, func(t exec.Tool) error { return add(Candidate{t.Name, exec.KindName(t.Module.Kind)}) }))
	case AnyPeer:
		return f.Peers.Each(ctx, func(p peers.Peer) error { return add(Candidate{p.Name, p.URL}) })
	case AnyAgent:
		return f.agentCandidates(add)
	}
	return f.objectCandidates(ctx, sort, prefix, add)
}

func (f *Finder) objectCandidates(ctx context.Context, kind, prefix string, add func(Candidate) error) error {
	return f.Store.Prefixed(ctx, kind, prefix, func(id object.Hash) error {
		return add(Candidate{id.Short(), f.objectNote(ctx, kind, id)})
	})
}

// objectNote describes an object in a few words.
func (f *Finder) objectNote(ctx context.Context, kind string, id object.Hash) string {
	if kind != objects.KindCapability {
		return kind
	}
	o, err := f.Store.Object(ctx, id)
	if err != nil {
		return kind
	}
	link, err := caps.Open(o.Raw)
	if err != nil {
		return kind
	}
	if link.Cap.ExpiresAt <= f.ID.Now() {
		return "expired " + link.Cap.Scope.String()
	}
	return link.Cap.Scope.String()
}

func (f *Finder) blobCandidates(ctx context.Context, media, prefix string, add func(Candidate) error) error {
	return f.Store.Prefixed(ctx, "", prefix, func(cid object.Hash) error {
		ref, err := f.Store.BlobRef(ctx, cid)
		if err != nil || (media != "" && ref.Media != media) {
			return err
		}
		return add(Candidate{cid.Short(), fmt.Sprintf("%s, %d bytes", ref.Media, ref.Size)})
	})
}

// maxLookedAt is how many of the newest events are searched for completions.
const maxLookedAt = 1024

func (f *Finder) ledgerCandidates(ctx context.Context, kind string, add func(Candidate) error) error {
	told := map[string]bool{}
	looked := 0
	for h, err := range f.History.Events(ctx, history.Options{}) {
		if looked++; err != nil || looked > maxLookedAt {
			return err
		}
		c := Candidate{h.Key, h.Tool}
		if kind == AnyReceipt {
			if h.Receipt == nil {
				continue
			}
			c = Candidate{h.Receipt.Short(), strings.TrimSpace(h.Tool + " " + h.Key)}
		}
		if c.Name == "" || told[c.Name] {
			continue
		}
		told[c.Name] = true
		if err := add(c); err != nil {
			return err
		}
	}
	return nil
}

func (f *Finder) agentCandidates(add func(Candidate) error) error {
	if err := add(Candidate{identity.SelfKey, f.ID.Self().KeyHex()}); err != nil {
		return err
	}
	for _, e := range f.ID.Trust.Entries() {
		if e.Name == identity.SelfKey {
			continue
		}
		if err := add(Candidate{e.Name, e.Key}); err != nil {
			return err
		}
	}
	return nil
}
