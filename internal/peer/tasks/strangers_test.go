package tasks

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/mythos-project/mythos/internal/peer/peertest"
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

// TestStrangersMemory: a packet that no trusted agent has signed costs little more memory than its own size, however
// large its decoded form would be.
func TestStrangersMemory(t *testing.T) {
	_, _, h := started(t, peertest.Repo(t, "far"))
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
