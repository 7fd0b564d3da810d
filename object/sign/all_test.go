package sign_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/object/sign"
)

func claims(t testing.TB, n int) []sign.Claim {
	t.Helper()
	out := make([]sign.Claim, n)
	for i := range out {
		key := sign.FromSeed([32]byte{byte(i), 1}, fmt.Sprint("agent", i))
		message := fmt.Append(nil, "message ", i)
		sig, err := key.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = sign.Claim{Agent: key.Agent(), Message: message, Sig: sig}
	}
	return out
}

// TestVerifyAll finds the first of several claims that do not hold, among few and
// among many.
func TestVerifyAll(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 50} {
		all := claims(t, n)
		if err := sign.VerifyAll(all); err != nil {
			t.Errorf("%d claims: %v", n, err)
		}
		for i := range all {
			if i%7 != 0 {
				continue
			}
			bad := claims(t, n)
			for j := i; j < n; j += 11 {
				bad[j].Sig[40] ^= 1
			}
			err := sign.VerifyAll(bad)
			if !errors.Is(err, sign.ErrSignature) || !strings.Contains(err.Error(), bad[i].Agent.KeyHex()) {
				t.Errorf("%d claims, number %d is wrong: %v", n, i, err)
			}
		}
	}
}

func BenchmarkVerifyAll(b *testing.B) {
	all := claims(b, 64)
	b.Run("together", func(b *testing.B) {
		for b.Loop() {
			if err := sign.VerifyAll(all); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			for _, c := range all {
				if err := sign.Verify(c.Agent, c.Message, c.Sig); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
