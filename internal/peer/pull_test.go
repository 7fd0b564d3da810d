package peer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

func frame(t *testing.T, p node.Part) []byte {
	t.Helper()
	raw, err := can.Marshal(&p)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
}

// TestLyingPeer pulls from peers that send nothing, other bytes, or half: each pull
// fails.
func TestLyingPeer(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	if _, _, err := node.Init(dir, "near"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(ctx, filepath.Join(dir, node.Folder), node.Options{
		Config: &config.Config{Lease: time.Minute, Busy: time.Second}, Now: func() object.Time { return object.TimeOf(time.Now()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	data := []byte("a small blob")
	root := object.Sum(data)
	ref, err := can.Marshal(&object.BlobRef{CID: root, Size: uint64(len(data)), Media: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	end := frame(t, node.Part{Kind: "end", ID: root, Data: []byte{}})
	whole := frame(t, node.Part{Kind: "bytes", ID: root, Data: data})
	named := frame(t, node.Part{Kind: "blob", ID: root, Data: ref})
	for name, stream := range map[string][]byte{
		"only the end":      end,
		"other bytes":       append(frame(t, node.Part{Kind: "bytes", ID: root, Data: []byte("another blob")}), end...),
		"no bytes":          append(bytes.Clone(named), end...),
		"cut off":           whole[:len(whole)-1],
		"a length of 4 GiB": {0xff, 0xff, 0xff, 0xff},
	} {
		if err := pull(t, n, root, stream); err == nil {
			t.Errorf("%s: the pull succeeded", name)
		}
	}
	if err := pull(t, n, root, bytes.Join([][]byte{whole, named, end}, nil)); err != nil {
		t.Error(err)
	}
}

func pull(t *testing.T, n *node.Node, root object.Hash, stream []byte) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(stream) }))
	defer server.Close()
	c := &peer.Client{Node: n, URL: server.URL}
	_, err := c.Pull(context.Background(), root, caps.Chain{}, func(int64) {})
	return err
}
