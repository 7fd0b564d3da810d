package sign

import (
	"context"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
)

// Claim is one signature to check: that agent signed the message.
type Claim struct {
	Agent   object.AgentID
	Message []byte
	Sig     [64]byte
}

// VerifyAll checks signatures that arrive together, on all processors. It returns the error of [Verify] for the first
// claim, in the order given, that does not hold. It verifies each signature by itself, so that it accepts exactly what
// Verify accepts: the equation of batch verification answers differently for some signatures.
func VerifyAll(claims []Claim) error {
	return par.Each(context.Background(), len(claims), 0, func(_ context.Context, i int) error {
		return Verify(claims[i].Agent, claims[i].Message, claims[i].Sig)
	})
}
