package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// bomb is a small packet by a stranger that grows to 15 MiB when it is decompressed.
func bomb(t *testing.T) []byte {
	t.Helper()
	raw, err := packet.Pack(packet.Options{Codec: packet.CodecZstd, Signers: []sign.Signer{sign.FromSeed([32]byte{9}, "stranger")}},
		can.AppendBytes(nil, make([]byte, 15<<20)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestStrangersMemory: what a packet that nobody who is trusted has signed costs in memory
// is its own size and a little more, whatever it would be when it is decoded.
func TestStrangersMemory(t *testing.T) {
	_, h := lone(t)
	raw := bomb(t)
	send := func(body []byte) int {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/packets", bytes.NewReader(body))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	send(raw)
	const times = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		if code := send(raw); code != http.StatusForbidden {
			t.Fatalf("status %d", code)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 256<<10 {
		t.Errorf("a stranger's packet of %d bytes took %d bytes of memory", len(raw), each)
	} else {
		t.Logf("a stranger's packet of %d bytes took %d bytes of memory", len(raw), each)
	}
}

// held is a body that gives some bytes, says so, and then waits.
type held struct {
	left  int
	given chan struct{}
	wait  chan struct{}
}

func (b *held) Read(p []byte) (int, error) {
	if b.left == 0 {
		close(b.given)
		<-b.wait
		return 0, io.ErrUnexpectedEOF
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

// TestBytesNobodyAnswersFor: bodies whose sender is not known yet take no more memory than
// is set, of one address and of all; who is over it is told to come back, and what ended is
// given back.
func TestBytesNobodyAnswersFor(t *testing.T) {
	s, h := lone(t)
	wait, ended := make(chan struct{}), make(chan int, 64)
	begin := func(host string) *held {
		b := &held{left: 7 << 20, given: make(chan struct{}), wait: wait}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/packets", b)
		r.RemoteAddr = host + ":1"
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			ended <- w.Code
		}()
		return b
	}
	under := 0
	for _, host := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		for range 4 {
			select {
			case <-begin(host).given:
				under++
			case code := <-ended:
				if code != http.StatusServiceUnavailable {
					t.Fatalf("status %d", code)
				}
			}
		}
		if s.intake.of[host] > maxUnprovenOfHost || s.intake.used > maxUnproven {
			t.Fatalf("%d bytes of one address, %d of all", s.intake.of[host], s.intake.used)
		}
	}
	if under == 0 || under > maxUnproven/(7<<20) {
		t.Errorf("%d bodies are being read", under)
	}
	close(wait)
	for range under {
		<-ended
	}
	if s.intake.used != 0 || len(s.intake.of) != 0 {
		t.Errorf("%d bytes are still counted", s.intake.used)
	}
}

// TestBodiesToTheByte: a body of exactly the size that is taken is read, one byte more is not.
func TestBodiesToTheByte(t *testing.T) {
	s, _ := lone(t)
	const most = 1 << 20
	for _, n := range []int{0, 1, firstPiece - bytes.MinRead - 1, firstPiece - bytes.MinRead, firstPiece, most - 1, most, most + 1} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/packets", bytes.NewReader(make([]byte, n)))
		raw, release, err := s.unproven(httptest.NewRecorder(), r, most)
		release()
		if n > most {
			if !errors.Is(err, errTooMuch) {
				t.Errorf("%d bytes: %v", n, err)
			}
		} else if err != nil || len(raw) != n {
			t.Errorf("%d bytes: %d were read, %v", n, len(raw), err)
		}
	}
	if s.intake.used != 0 {
		t.Errorf("%d bytes are still counted", s.intake.used)
	}
}
