package store_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/ssh"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

var gcmKey = bytes.Repeat([]byte{7}, 32)

// sealing lists all ways to store a blob, with the keys to open it.
func sealing(t testing.TB) map[string]struct {
	put  store.PutOptions
	open codec.Keys
} {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	recipients := []string{id.Recipient().String(), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))}
	keys := codec.Keys{Key: func(handle string) ([]byte, error) {
		if handle != "backup" {
			return nil, store.ErrNotFound
		}
		return gcmKey, nil
	}}
	toAge := &codec.Encryption{Recipients: recipients, PlainHash: true}
	toKey := &codec.Encryption{Key: gcmKey, KeyHandle: "backup", PlainHash: true}
	withAge := codec.Keys{Identities: []string{id.String()}}
	withSSH := codec.Keys{Identities: []string{string(pem.EncodeToMemory(block))}}
	return map[string]struct {
		put  store.PutOptions
		open codec.Keys
	}{
		"raw":      {},
		"zstd":     {put: store.PutOptions{Codec: object.CodecZstd}},
		"auto":     {put: store.PutOptions{Auto: true}},
		"age":      {store.PutOptions{Encrypt: toAge}, withAge},
		"ssh zstd": {store.PutOptions{Encrypt: toAge, Codec: object.CodecZstd}, withSSH},
		"gcm":      {store.PutOptions{Encrypt: toKey}, keys},
		"gcm zstd": {store.PutOptions{Encrypt: toKey, Codec: object.CodecZstd}, keys},
	}
}

// text returns compressible bytes; random bytes in them make many frames and chunks.
func text(n int) []byte {
	b := append(data(n/2), bytes.Repeat([]byte("all work and no play makes a dull blob\n"), n/78+1)...)
	return b[:n]
}

func TestCodecsAndEncryption(t *testing.T) {
	for name, c := range sealing(t) {
		t.Run(name, func(t *testing.T) {
			d := openAt(t, t.TempDir())
			for _, n := range []int{0, 1, merkle.MaxUnchunked - 16, merkle.MaxUnchunked - 15, minChunk - 16, minChunk - 15,
				minChunk, 2*minChunk - 32, 2*minChunk - 31, 9*minChunk + 5} {
				c.put.ChunkSize = minChunk
				roundTrip(t, d, text(n), c.put, c.open)
			}
		})
	}
}

func roundTrip(t *testing.T, d *disk, want []byte, put store.PutOptions, open codec.Keys) {
	t.Helper()
	ref := d.mustPut(t, want, put)
	if put.Encrypt != nil && *ref.Encryption.PlainHash != object.Sum(want) {
		t.Error("the plain hash is not that of the plain bytes")
	}
	if got, err := read(d.Store, ref.CID, open); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes come back as %d: %v", len(want), len(got), err)
	}
	b, err := d.OpenBlob(t.Context(), ref.CID, open)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := b.Size(t.Context()); err != nil || size != int64(len(want)) {
		t.Errorf("size %d, expected %d: %v", size, len(want), err)
	}
	if put.Encrypt != nil {
		enc, wrong := *ref.Encryption, object.SumText("other bytes")
		enc.PlainHash = &wrong
		lie := ref
		lie.Encryption = &enc
		b, err := d.OpenRef(t.Context(), lie, open)
		if err == nil {
			err = b.Copy(t.Context(), io.Discard)
		}
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("another plain hash: %v", err)
		}
	}
	n := len(want)
	for _, r := range [][2]int{{0, n}, {n / 2, n - n/2}, {n / 3, min(10, n-n/3)}, {n, 0}, {max(0, n-1), min(1, n)}} {
		got, err := readRange(d.Store, ref.CID, open, int64(r[0]), int64(r[1]))
		if err != nil || !bytes.Equal(got, want[r[0]:r[0]+r[1]]) {
			t.Fatalf("%d bytes, range %v: %d bytes, %v", n, r, len(got), err)
		}
	}
	for _, r := range [][2]int64{{int64(n), 1}, {0, int64(n) + 1}, {-1, 1}, {0, -1}, {1 << 62, 1 << 62}} {
		if _, err := readRange(d.Store, ref.CID, open, r[0], r[1]); !errors.Is(err, store.ErrRange) {
			t.Errorf("%d bytes, range %v: %v", n, r, err)
		}
	}
}

func TestAutomaticCodec(t *testing.T) {
	d := openAt(t, t.TempDir())
	for _, c := range []struct {
		data  []byte
		codec uint8
	}{
		{data(1 << 20), object.CodecRaw},
		{bytes.Repeat([]byte("text "), 100_000), object.CodecZstd},
		{[]byte("short"), object.CodecRaw},
		{nil, object.CodecRaw},
	} {
		if ref := d.mustPut(t, c.data, store.PutOptions{Auto: true}); ref.Codec != c.codec {
			t.Errorf("%d bytes are stored with codec %d", len(c.data), ref.Codec)
		}
	}
}

func TestStockZstdReadsOurs(t *testing.T) {
	tool, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed")
	}
	d := openAt(t, t.TempDir())
	for _, n := range []int{0, 5, 1 << 20, 3<<20 + 17} {
		ref := d.mustPut(t, text(n), store.PutOptions{Codec: object.CodecZstd})
		ref.Codec = object.CodecRaw // the stored bytes
		b, err := d.OpenRef(t.Context(), ref, codec.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		var stored bytes.Buffer
		if err := b.Copy(t.Context(), &stored); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tool, "-d", "-c")
		cmd.Stdin = &stored
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, text(n)) {
			t.Errorf("%d bytes: zstd gives %d: %v", n, len(got), err)
		}
	}
}

// counting counts reads of chunks.
type counting struct {
	store.Chunks
	reads int
}

func (c *counting) Chunk(ctx context.Context, h object.Hash) ([]byte, error) {
	c.reads++
	return c.Chunks.Chunk(ctx, h)
}

func TestRangeReadsTouchFewChunks(t *testing.T) {
	for name, c := range sealing(t) {
		t.Run(name, func(t *testing.T) {
			d := openAt(t, t.TempDir())
			want := data(40 * minChunk)
			c.put.ChunkSize = minChunk
			ref := d.mustPut(t, want, c.put)
			counted := &counting{Chunks: d.Chunks()}
			got, err := readRange(store.New(d.KV(), counted), ref.CID, c.open, 20*minChunk, 1000)
			if err != nil || !bytes.Equal(got, want[20*minChunk:20*minChunk+1000]) {
				t.Fatal(err)
			}
			// A frame of 1 MiB may span five chunks; age needs its header and its end, zstd its table.
			if counted.reads > 10 {
				t.Errorf("%d chunks of %d were read", counted.reads, ref.Chunks)
			}
		})
	}
}

// A zstd stream of other origin has no seek table.
func TestForeignZstd(t *testing.T) {
	d := openAt(t, t.TempDir())
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := text(3 << 20)
	ref := d.mustPut(t, enc.EncodeAll(want, nil), store.PutOptions{})
	ref.Codec = object.CodecZstd
	for _, o := range []int64{0, 1<<20 + 5, 3<<20 - 10} {
		b, err := d.OpenRef(t.Context(), ref, codec.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := b.ReadRange(t.Context(), o, 10, &got); err != nil || !bytes.Equal(got.Bytes(), want[o:o+10]) {
			t.Errorf("at %d: %v", o, err)
		}
		if size, err := b.Size(t.Context()); err != nil || size != int64(len(want)) {
			t.Errorf("size %d: %v", size, err)
		}
		if err := b.ReadRange(t.Context(), o, 3<<20, &got); o > 0 && !errors.Is(err, store.ErrRange) {
			t.Errorf("beyond the end: %v", err)
		}
	}
	bad := d.mustPut(t, []byte("no zstd at all"), store.PutOptions{})
	bad.Codec = object.CodecZstd
	b, err := d.OpenRef(t.Context(), bad, codec.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Copy(t.Context(), &bytes.Buffer{}); err == nil {
		t.Error("bytes that are no zstd stream are decompressed")
	}
}

func TestWrongKeys(t *testing.T) {
	d := openAt(t, t.TempDir())
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	give := func(key []byte) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return key, nil }
	}
	for name, c := range sealing(t) {
		if c.put.Encrypt == nil {
			continue
		}
		ref := d.mustPut(t, text(3*minChunk), c.put)
		for _, o := range []codec.Keys{
			{}, {Identities: []string{other.String()}}, {Key: give(make([]byte, 32))}, {Key: give(gcmKey[1:])},
			{Key: func(string) ([]byte, error) { return nil, errors.New("no such key") }},
		} {
			got, err := read(d.Store, ref.CID, o)
			if !errors.Is(err, store.ErrKey) || len(got) > 0 {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			if got, err := readRange(d.Store, ref.CID, o, 5, 5); !errors.Is(err, store.ErrKey) || len(got) > 0 {
				t.Errorf("%s: range: %d bytes, %v", name, len(got), err)
			}
		}
	}
	for _, e := range []*codec.Encryption{
		{}, {Recipients: []string{"nobody"}}, {Key: gcmKey}, {Key: gcmKey[1:], KeyHandle: "k"},
		{Key: gcmKey, KeyHandle: "k", Nonce: []byte{1}}, {Key: gcmKey, KeyHandle: "k", Recipients: []string{other.Recipient().String()}},
	} {
		if _, err := d.PutBlob(t.Context(), strings.NewReader("x"), store.PutOptions{Encrypt: e}); err == nil {
			t.Errorf("%+v is accepted", e)
		}
	}
}

// The same key, nonce and bytes give the same blob. Its segments cannot be cut off, swapped or changed, even by
// somebody who builds a new tree over them.
func TestGCMSegments(t *testing.T) {
	d := openAt(t, t.TempDir())
	e := &codec.Encryption{Key: gcmKey, KeyHandle: "k", Nonce: []byte("twelve bytes")}
	o := store.PutOptions{ChunkSize: minChunk, Encrypt: e}
	want := data(4 * (minChunk - 16))
	ref := d.mustPut(t, want, o)
	if again := d.mustPut(t, want, o); again.CID != ref.CID || ref.Size != 4*minChunk || ref.Chunks != 4 {
		t.Fatalf("%+v, then %+v", ref, again)
	}
	raw := ref
	raw.Encryption = nil
	b, err := d.OpenRef(t.Context(), raw, codec.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	var stored bytes.Buffer
	if err := b.Copy(t.Context(), &stored); err != nil {
		t.Fatal(err)
	}
	s := stored.Bytes()
	swapped := bytes.Join([][]byte{s[minChunk : 2*minChunk], s[:minChunk], s[2*minChunk:]}, nil)
	changed := bytes.Clone(s)
	changed[3*minChunk+9] ^= 1
	for name, forged := range map[string][]byte{"cut": s[:3*minChunk], "swapped": swapped, "changed": changed, "longer": append(bytes.Clone(s), s[:50]...)} {
		f := d.mustPut(t, forged, store.PutOptions{ChunkSize: minChunk})
		f.Encryption = ref.Encryption
		b, err := d.OpenRef(t.Context(), f, codec.Keys{Key: func(string) ([]byte, error) { return gcmKey, nil }})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := b.Copy(t.Context(), &out); !errors.Is(err, store.ErrKey) || out.Len()%(minChunk-16) != 0 {
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		}
	}
}

func ExampleStore_PutBlob() {
	ctx := context.Background()
	db := memoryStore()
	ref, err := db.PutBlob(ctx, strings.NewReader("hello\n"), store.PutOptions{Media: "text/plain"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ref.CID, ref.Size, ref.Chunks)
	// Output: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 6 0
}
