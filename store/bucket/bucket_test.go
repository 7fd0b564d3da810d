//go:build unix

package bucket_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/bucket"
	"github.com/mythos-project/mythos/store/postgres"
	"github.com/mythos-project/mythos/store/storetest"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	s3test.StopShared()
	os.Exit(code)
}

// table is the table of chunks of a new repository.
func table(t testing.TB) *postgres.Chunks {
	t.Helper()
	db, err := postgres.Open(pgtest.Shared(t).Database(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Create(t.Context(), postgres.NewAbout("", true)); err != nil {
		t.Fatal(err)
	}
	return db.Chunks()
}

func at(t testing.TB, address string, table *postgres.Chunks) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(address, table)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB) store.Chunks { return at(t, s3test.Shared(t).Bucket(t), table(t)) }

func TestContract(t *testing.T) { storetest.Chunks(t, open) }

func BenchmarkChunks(b *testing.B) { storetest.BenchmarkChunks(b, open) }

var (
	data = bytes.Repeat([]byte("a chunk of some size"), 10_000)
	hash = object.Sum(data)
)

func put(t testing.TB, b *bucket.Bucket) {
	t.Helper()
	p, err := b.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.PutChunk(t.Context(), hash, data), p.Sync(t.Context()), p.Close()); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, b *bucket.Bucket) {
	t.Helper()
	if got, err := b.Chunk(t.Context(), hash); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the chunk: %d bytes, %v", len(got), err)
	}
	if part, err := b.ChunkRange(t.Context(), hash, 7, 100); err != nil || !bytes.Equal(part, data[7:107]) {
		t.Errorf("a part of it: %d bytes, %v", len(part), err)
	}
}

// in returns the folder of a bucket's objects, and their names.
func in(t testing.TB, address string) (dir string, files func() []string) {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(s3test.Shared(t).Dir, "data", u.Host), func() []string { return s3test.Shared(t).Files(t, u.Host) }
}

// sweep begins a collection.
func sweep(t testing.TB, b *bucket.Bucket) store.ChunkSweep {
	t.Helper()
	s, err := b.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHeldUpCollector: a delayed collector that removed a chunk deletes its own generation, not the one that was put
// meanwhile.
func TestHeldUpCollector(t *testing.T) {
	address, chunks := s3test.Shared(t).Bucket(t), table(t)
	b := at(t, address, chunks)
	_, files := in(t, address)
	put(t, b)
	s, err := chunks.BeginSweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if generation, retired, err := s.Retire(t.Context(), hash); generation != 0 || !retired || err != nil {
		t.Fatal(generation, retired, err)
	}
	if err := s.Close(); err != nil { // here it is delayed
		t.Fatal(err)
	}
	put(t, b)
	expect(t, b)
	if want := []string{hash.String(), hash.String() + ".1"}; !slices.Equal(files(), want) {
		t.Errorf("%q, expected %q", files(), want)
	}
	if err := sweep(t, b).Close(); err != nil { // the next one finishes the work
		t.Fatal(err)
	}
	if want := []string{hash.String() + ".1"}; !slices.Equal(files(), want) {
		t.Errorf("%q, expected %q", files(), want)
	}
	expect(t, b)
}

// TestCutShort: the next put uses an object of an interrupted put if it has the right bytes, and skips it otherwise.
func TestCutShort(t *testing.T) {
	for name, left := range map[string][]byte{"whole": data, "half": data[:99]} {
		t.Run(name, func(t *testing.T) {
			address, chunks := s3test.Shared(t).Bucket(t), table(t)
			b := at(t, address, chunks)
			dir, files := in(t, address)
			if have, generation, err := chunks.Claim(t.Context(), hash, int64(len(data))); have || generation != 0 || err != nil {
				t.Fatal(have, generation, err)
			}
			if err := os.WriteFile(filepath.Join(dir, hash.String()), left, 0o600); err != nil {
				t.Fatal(err)
			}
			if have, err := b.HasChunk(t.Context(), hash); have || err != nil {
				t.Fatal(have, err)
			}
			put(t, b)
			expect(t, b)
			if err := sweep(t, b).Close(); err != nil {
				t.Fatal(err)
			}
			if len(files()) != 1 {
				t.Errorf("%q", files())
			}
			expect(t, b)
		})
	}
}

// TestTooLate: a put that was delayed until a collection gave it up writes another generation.
func TestTooLate(t *testing.T) {
	address, chunks := s3test.Shared(t).Bucket(t), table(t)
	b := at(t, address, chunks)
	_, generation, err := chunks.Claim(t.Context(), hash, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := sweep(t, b).Close(); err != nil {
		t.Fatal(err)
	}
	if kept, err := chunks.Keep(t.Context(), hash, postgres.At{Generation: generation, Size: int64(len(data))}); kept || err != nil {
		t.Errorf("kept %v, %v", kept, err)
	}
	put(t, b)
	expect(t, b)
}

// TestLostObject: a deleted object is reported by name, and can be put again.
func TestLostObject(t *testing.T) {
	address := s3test.Shared(t).Bucket(t)
	b := at(t, address, table(t))
	dir, _ := in(t, address)
	put(t, b)
	if err := os.Remove(filepath.Join(dir, hash.String())); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Chunk(t.Context(), hash); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "lost") {
		t.Error(err)
	}
	if err := b.Doubt(t.Context(), hash); err != nil {
		t.Fatal(err)
	}
	put(t, b)
	expect(t, b)
}

// TestTake: a prefix belongs to one repository, and its bucket writes create-only.
func TestTake(t *testing.T) {
	address := s3test.Shared(t).Bucket(t)
	b := at(t, address, nil)
	one, other := [16]byte{1}, [16]byte{2}
	if err := b.Owned(t.Context(), one); !errors.Is(err, bucket.ErrTaken) {
		t.Errorf("nobody's: %v", err)
	}
	for range 2 {
		if err := errors.Join(b.Take(t.Context(), one), b.Owned(t.Context(), one)); err != nil {
			t.Error(err)
		}
	}
	if err := b.Take(t.Context(), other); !errors.Is(err, bucket.ErrTaken) {
		t.Errorf("another repository: %v", err)
	}
	if err := at(t, strings.Replace(address, "?", "/team/b?", 1), nil).Take(t.Context(), other); err != nil {
		t.Errorf("a prefix of its own: %v", err)
	}
	if err := at(t, strings.Replace(address, "s3://", "s3://none-", 1), nil).Take(t.Context(), one); err == nil || errors.Is(err, bucket.ErrUnreachable) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("no such bucket: %v", err)
	}
}

// TestOverwritingBucket: an object store that ignores If-None-Match is refused.
func TestOverwritingBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	writes := 0
	heedless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut:
			writes++
			w.Header().Set("ETag", `"e"`)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			http.NotFound(w, r)
		}
	}))
	defer heedless.Close()
	b := at(t, "s3://bucket?region=r&path_style=true&endpoint="+heedless.URL, nil)
	if err := b.Take(t.Context(), [16]byte{1}); !errors.Is(err, bucket.ErrUnsafe) || writes != 2 {
		t.Errorf("%d writes, %v", writes, err)
	}
}

// TestUnreachable: no answer, and that of a server which cannot serve now, are distinguished from a negative answer.
func TestUnreachable(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	b := at(t, "s3://bucket?region=r&path_style=true&endpoint="+gone.URL, nil)
	if err := b.Owned(t.Context(), [16]byte{1}); !errors.Is(err, bucket.ErrUnreachable) {
		t.Error(err)
	}
	for status, away := range map[int]bool{http.StatusInsufficientStorage: true, http.StatusNotImplemented: false, http.StatusForbidden: false} { // neither is tried again
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		b := at(t, "s3://bucket?region=r&path_style=true&endpoint="+server.URL, nil)
		if err := b.Owned(t.Context(), [16]byte{1}); err == nil || errors.Is(err, bucket.ErrUnreachable) != away {
			t.Errorf("HTTP %d: %v", status, err)
		}
		server.Close()
	}
}

// TestAddress: an address with an access key is refused, and no error shows one.
func TestAddress(t *testing.T) {
	for _, good := range []string{"s3://bucket", "s3://bucket/a/b", "s3://bucket?region=eu-1", "s3://bucket?endpoint=https://h&path_style=false"} {
		if err := bucket.CheckAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "bucket", "gs://bucket", "azblob://bucket", "s3://b", "s3://Bucket", "s3://id:sesame@bucket", "s3://bucket?secret_key=sesame", "s3://bucket?endpoint=http://id:sesame@h",
		"s3://bucket?endpoint=h:1", "s3://bucket?path_style=1", "s3://bucket?region=a&region=b", "s3://bucket?%zz=sesame", "s3://bucket#sesame"} {
		if err := bucket.CheckAddress(bad); !errors.Is(err, bucket.ErrAddress) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
