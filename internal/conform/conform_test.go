package conform

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// The public pack lies next to the checkout if it is available; its published digests are in the tests of the packages
// that produce them.
const publicPack = "../../../shared/ctvp"

func TestPublicPack(t *testing.T) {
	if _, err := os.Stat(publicPack); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the public pack is not at hand")
	}
	rep, err := Run(context.Background(), os.DirFS(publicPack))
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != 10 {
		t.Errorf("%d vectors, expected 10", len(rep.Results))
	}
	for _, r := range rep.Results {
		if !r.Pass {
			t.Errorf("%s: %s", r.ID, r.Error)
		}
	}
}

// TestChangedPackFails changes every file that a vector is compared with: each change must fail that vector.
func TestChangedPackFails(t *testing.T) {
	if _, err := os.Stat(publicPack); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the public pack is not at hand")
	}
	pack := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(publicPack), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(publicPack + "/" + name)
		pack[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range pack {
		if len(name) < 4 || name[len(name)-4:] != ".bin" {
			continue
		}
		changed := fstest.MapFS{}
		for n, f := range pack {
			changed[n] = f
		}
		data := append([]byte(nil), file.Data...)
		data[len(data)-1] ^= 1
		changed[name] = &fstest.MapFile{Data: data}
		rep, err := Run(context.Background(), changed)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Passed() == len(rep.Results) {
			t.Errorf("%s may be changed", name)
		}
	}
}

// TestPublishedWirePayload rebuilds WIRE_001's payload without the pack.
func TestPublishedWirePayload(t *testing.T) {
	var seed [32]byte
	for i := range seed {
		seed[i] = 1
	}
	o := &one{suite: &suite{key: sign.FromSeed(seed, "ctvp")}}
	raw, err := o.packBundle()
	if err != nil {
		t.Fatal(err)
	}
	if got := object.Sum(raw).String(); got != "798ae4a911ef600d04aa305ed7fb71e59d26b195ae78c7c6a52e4f650c18cf04" {
		t.Errorf("payload %s", got)
	}
}

func TestNoPack(t *testing.T) {
	for _, set := range []fstest.MapFS{{}, {"manifest.json": {Data: []byte(`{"pack":"x","vectors":[]}`)}}} {
		if _, err := Run(context.Background(), set); !errors.Is(err, pack.ErrPack) {
			t.Errorf("%v", err)
		}
	}
}

// TestBaselineInTheText: the page names the codebook that the code computes.
func TestBaselineInTheText(t *testing.T) {
	page, err := os.ReadFile("../../spec/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("Its id is "+packet.BaselineID.String())) {
		t.Errorf("spec/wire.md does not name %s", packet.BaselineID)
	}
}
