package peer

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// TestNoncesOutliveServers: a nonce is taken once, by whichever server on the repository,
// also after the last one was killed, and after a write of its was cut off.
func TestNoncesOutliveServers(t *testing.T) {
	dir, agent := filepath.Join(t.TempDir(), "nonces"), sign.FromSeed([32]byte{1}, "one").Agent()
	now := object.TimeOf(time.Unix(1_700_000_000, 0))
	var first, beside, next nonces
	defer first.close()
	defer beside.close()
	defer next.close()
	one, two := [16]byte{1}, [16]byte{2}
	for i, s := range []struct {
		by    *nonces
		nonce [16]byte
		at    object.Time
		used  bool
	}{
		{&first, one, now, false}, {&first, one, now, true}, {&beside, one, now, true}, {&beside, two, now, false}, {&first, two, now, true},
		{&first, [16]byte{3}, now.Add(maxSkew), false}, {&first, [16]byte{4}, now.Add(-maxSkew), false},
		{&beside, [16]byte{3}, now.Add(maxSkew), true}, {&beside, [16]byte{4}, now.Add(-maxSkew), true},
	} {
		if err := s.by.use(dir, agent, s.nonce, s.at, now); errors.Is(err, ErrReplayed) != s.used || !s.used && err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, e := range files {
		f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("cut off")); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if err := next.use(dir, agent, [16]byte{5}, now, now); err != nil {
		t.Fatal(err)
	}
	for _, nonce := range [][16]byte{one, two, {5}} {
		if err := next.use(dir, agent, nonce, now, now); !errors.Is(err, ErrReplayed) {
			t.Errorf("nonce %x after a restart: %v", nonce[:1], err)
		}
	}
	later := now.Add(time.Hour)
	if err := next.use(dir, agent, one, later, later); err != nil {
		t.Error(err)
	}
	if files, err = os.ReadDir(dir); err != nil || len(files) > 2 {
		t.Errorf("%d files are left an hour later, %v", len(files), err)
	}
}

// TestNonceForMany: of many requests with one nonce at the same time, at two servers, one is
// taken at most.
func TestNonceForMany(t *testing.T) {
	dir, agent := filepath.Join(t.TempDir(), "nonces"), sign.FromSeed([32]byte{1}, "one").Agent()
	now := object.TimeOf(time.Unix(1_700_000_000, 0))
	servers := [2]nonces{}
	defer servers[0].close()
	defer servers[1].close()
	for round := range 50 {
		var taken atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := servers[i%2].use(dir, agent, [16]byte{byte(round)}, now, now); err == nil {
					taken.Add(1)
				} else if !errors.Is(err, ErrReplayed) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if taken.Load() > 1 {
			t.Fatalf("round %d: taken %d times", round, taken.Load())
		}
	}
}
