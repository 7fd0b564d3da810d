package repo_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// acting opens a repository as the identity or, with a key's name, as that agent.
func acting(t *testing.T, dir, key string, at object.Time) *repo.Repo {
	t.Helper()
	root := filepath.Join(dir, repo.Folder)
	c := &config.Config{Lease: time.Minute, Busy: time.Second}
	if key != "" {
		c.Key = filepath.Join(identity.KeyDir(root), key+".key")
	}
	n, err := repo.Open(t.Context(), root, repo.Options{Config: c, Now: func() object.Time { at++; return at }, Debugf: func(string, ...any) {}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// signedBy makes an agent sign a receipt at a time, and returns its id.
func signedBy(t *testing.T, dir, key string, at object.Time, request string) object.Hash {
	t.Helper()
	n := acting(t, dir, key, at)
	defer n.Close() //nolint:errcheck // the next opening would show it
	id, raw, err := n.Ledger.NewReceipt(ledger.Receipt{ToolID: testTool, RequestHash: object.SumText(request), ResponseHash: object.SumText("answer"), TimeObserved: at, Status: 200})
	if err == nil {
		err = n.Ledger.Record(t.Context(), raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func counted(t *testing.T, n *repo.Repo, id object.Hash) bool {
	t.Helper()
	raw, err := n.Ledger.Receipt(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		t.Fatal(err)
	}
	ok, _ := n.Judge.SignedUnder(t.Context(), r.Signer, id, r)
	return ok
}

// TestOldDatesDoNotCount: what a replaced key signs after its end does not count, even with a date before it, and what
// it signed before counts, even with a date after it.
func TestOldDatesDoNotCount(t *testing.T) {
	const hour = object.Time(3_600_000_000)
	for name, known := range map[string]bool{"the entries at the rotation are known": true, "the times alone": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, _, err := repo.Init(dir, "alice", engine.Make); err != nil {
				t.Fatal(err)
			}
			root, start := filepath.Join(dir, repo.Folder), object.Time(1_700_000_000_000_000)
			before := signedBy(t, dir, "", start, "before")
			ahead := signedBy(t, dir, "", start+9*hour, "before, by a clock that was ahead")
			again := signedBy(t, dir, "", start+1, "before")
			end := keyfile.End{At: start + hour}
			if known {
				n := acting(t, dir, "", start)
				size, err := n.Ledger.Size(t.Context())
				if err := n.Close(); err != nil {
					t.Fatal(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				end.Entries = &size
			}
			if _, err := keyfile.Rotate(identity.KeyDir(root), filepath.Join(root, identity.TrustFile), identity.SelfKey, nil, keyfile.Protection{}, end); err != nil {
				t.Fatal(err)
			}
			overlap := signedBy(t, dir, "self.1", start+2, "in the overlap")
			signedBy(t, dir, "", start+3, "the new key, in the overlap")
			signedBy(t, dir, "", start+2*hour, "the new key, after it")
			late := signedBy(t, dir, "self.1", start+2*hour, "after")
			old := signedBy(t, dir, "self.1", start+4, "after, with an old date")
			older := signedBy(t, dir, "self.1", start+5, "another one")
			signedBy(t, dir, "", start+3*hour, "the new key")

			n := acting(t, dir, "", start+4*hour)
			defer n.Close() //nolint:errcheck // it only read
			for _, c := range []struct {
				what string
				id   object.Hash
				want bool
			}{{"before", before, true}, {"again", again, true}, {"in the overlap", overlap, true}, {"a clock that was ahead", ahead, known},
				{"after", late, false}, {"an old date", old, false}, {"another old date", older, false}} {
				if got := counted(t, n, c.id); got != c.want {
					t.Errorf("%s: counts %v", c.what, got)
				}
			}
		})
	}
}
