package kvledger_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

// stuck is a store in which reads of some keys block until they are released.
type stuck struct {
	*memory.DB
	key     string
	reached chan struct{}
	let     chan struct{}
	once    sync.Once
}

func (s *stuck) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if key == s.key {
		s.once.Do(func() { close(s.reached) })
		<-s.let
	}
	return s.DB.Get(ctx, key)
}

// TestAReadThatHangsHoldsUpNobodyElse: a read that hangs, of an effect's own history or of a rider's key, delays nobody
// else.
func TestAReadThatHangsHoldsUpNobodyElse(t *testing.T) {
	slow := ledger.IdemID(tool, []byte("slow"))
	for name, key := range map[string]string{"a rider's counter": "x/spent", "a history": "l/i/" + slow.String()} {
		t.Run(name, func(t *testing.T) {
			db := &stuck{DB: memory.New(), key: key, reached: make(chan struct{}), let: make(chan struct{})}
			l := kvledger.Open(db, testKey, func() object.Time { return 1 })
			ended := make(chan error)
			go func() {
				_, err := l.RegisterWith(context.Background(), tool, []byte("slow"), tool, minute,
					func(ledger.State) []ledger.Rider { return []ledger.Rider{spend(1)} })
				ended <- err
			}()
			<-db.reached
			for i := range 20 { // all of these end, though the stuck one does not
				if err := pair(t.Context(), l, fmt.Sprint("quick", i)); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case err := <-ended:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			close(db.let)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if _, err := l.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// losing counts the updates that were refused.
type losing struct {
	*memory.DB
	lost atomic.Int64
}

func (s *losing) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	ok, err := s.DB.Update(ctx, check, put)
	if !ok {
		s.lost.Add(1)
	}
	return ok, err
}

// TestWhatWasReadAheadIsFresh: callers that all read one counter ahead never make an update fail, because each batch
// knows what the earlier ones wrote.
func TestWhatWasReadAheadIsFresh(t *testing.T) {
	const callers, each = 32, 30
	db := &losing{DB: memory.New()}
	l := kvledger.Open(db, testKey, func() object.Time { return 1 })
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				d, err := l.RegisterWith(context.Background(), tool, fmt.Appendf(nil, "%d.%d", c, i), tool, minute,
					func(ledger.State) []ledger.Rider { return []ledger.Rider{spend(callers * each)} })
				if err != nil {
					t.Error(err)
				}
				l.Release(d)
			}
		})
	}
	wg.Wait()
	raw, _, err := db.Get(t.Context(), "x/spent")
	if spent, _ := strconv.Atoi(string(raw)); err != nil || spent != callers*each {
		t.Errorf("%d registers, the counter says %s: %v", callers*each, raw, err)
	}
	if n := db.lost.Load(); n > 0 {
		t.Errorf("%d updates failed", n)
	}
}
