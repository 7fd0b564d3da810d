package parts_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// BenchmarkPull transfers a blob of 256 MiB over loopback, both sides in one process.
func BenchmarkPull(b *testing.B) {
	far := peertest.Repo(b, "far")
	data := make([]byte, 256<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	ref, err := far.Store.PutBlob(b.Context(), bytes.NewReader(data), store.PutOptions{Codec: object.CodecRaw})
	if err != nil {
		b.Fatal(err)
	}
	url := serve(b, far)
	b.SetBytes(int64(ref.Size))
	for b.Loop() {
		b.StopTimer()
		near := peertest.Repo(b, "near")
		chain := peertest.Grant(b, far, near.Self(), &scope.BlobRead{CID: ref.CID})
		b.StartTimer()
		from := []*peer.Client{peer.To(near, peers.Peer{Name: "far", URL: url})}
		if _, err := parts.Pull(b.Context(), from, ref.CID, chain, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
