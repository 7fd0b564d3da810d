package sign

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/mythos-project/mythos/object"
)

// Claim is one signature to check: that agent signed the message.
type Claim struct {
	Agent   object.AgentID
	Message []byte
	Sig     [64]byte
}

// VerifyAll checks signatures that arrive together, on all processors. The error
// is that of [Verify] for the first claim, in the order given, that does not hold.
// It is a set of single verifications, so that it accepts what they accept: the
// equation of batch verification has another answer for some signatures.
func VerifyAll(claims []Claim) error {
	workers := min(len(claims), runtime.GOMAXPROCS(0))
	if workers < 2 {
		for _, c := range claims {
			if err := Verify(c.Agent, c.Message, c.Sig); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, len(claims))
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(claims)); i = next.Add(1) - 1 {
				errs[i] = Verify(claims[i].Agent, claims[i].Message, claims[i].Sig)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
