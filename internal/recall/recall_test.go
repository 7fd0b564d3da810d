package recall

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var docs = map[string]Doc{
	"a1": {"how to sort a slice of strings", "use slices.Sort"},
	"b2": {"how to open a tcp connection", "use net.Dial"},
	"c3": {"how to hash a file", "use crypto/sha256 and io.Copy"},
}

func open(t *testing.T, path string) *Index {
	t.Helper()
	x, err := Open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func load(id string) (Doc, error) {
	d, ok := docs[id]
	if !ok {
		return d, errors.New("no such episode")
	}
	return d, nil
}

func refresh(t *testing.T, x *Index, state string, ids ...string) {
	t.Helper()
	if err := x.Sync(t.Context(), state, ids, load); err != nil {
		t.Fatal(err)
	}
}

func search(t *testing.T, x *Index, text string) string {
	t.Helper()
	hits, err := x.Search(t.Context(), text, 10)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.ID)
	}
	return strings.Join(ids, " ")
}

func TestSyncAddsAndForgets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "an index?.db")
	x := open(t, path)
	refresh(t, x, "one", "a1")
	if got := search(t, x, "TCP connection"); got != "" {
		t.Errorf("found %q before it was added", got)
	}
	refresh(t, x, "two", "a1", "b2", "c3")
	if got := search(t, x, "TCP connection"); got != "b2" {
		t.Errorf("found %q", got)
	}
	if got := search(t, open(t, path), "slices.Sort my strings"); got != "a1" {
		t.Errorf("another handle found %q", got)
	}
	refresh(t, x, "one", "a1") // rolled back
	if got := search(t, x, "TCP connection"); got != "" {
		t.Errorf("found %q after it was rolled back", got)
	}
	if at, err := x.At(t.Context()); at != "one" || err != nil {
		t.Errorf("it is at %q, %v", at, err)
	}
}

func TestFailedSyncChangesNothing(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "x.db"))
	refresh(t, x, "one", "a1")
	if err := x.Sync(t.Context(), "two", []string{"b2", "missing"}, load); err == nil {
		t.Error("an episode that is not here is not an error")
	}
	if got := search(t, x, "sort"); got != "a1" {
		t.Errorf("found %q", got)
	}
	if at, _ := x.At(t.Context()); at != "one" {
		t.Errorf("it is at %q", at)
	}
}

// TestHostileQueries: a text is never read as a query.
func TestHostileQueries(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "x.db"))
	refresh(t, x, "one", "a1", "b2", "c3")
	for _, text := range []string{"", `"`, `sort" OR "tcp`, "NEAR(sort tcp)", "request:sort", "sort*", "';DROP TABLE doc;--", "\x00\xff", strings.Repeat("x ", 10), fmt.Sprint(make([]int, 9000))} {
		if _, err := x.Search(t.Context(), text, 3); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	var many strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, "w%d ", i)
	}
	if got := search(t, x, "sort "+many.String()); got != "a1" {
		t.Errorf("found %q", got)
	}
}

// TestTwoProcessesMeet: two handles that write at the same time wait for each other.
func TestTwoProcessesMeet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	done := make(chan error)
	for i := range 2 {
		x := open(t, path)
		go func() {
			var err error
			for n := range 20 {
				ids := []string{"a1", "b2", "c3"}[:1+(i+n)%3]
				err = errors.Join(err, x.Sync(t.Context(), fmt.Sprint(i, n), ids, load))
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// benchIndex makes an index of 5,000 episodes of 200 words each.
func benchIndex(b *testing.B) (*Index, []string) {
	x, err := Open(b.Context(), filepath.Join(b.TempDir(), "x.db"), time.Second)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = x.Close() })
	ids := make([]string, 5000)
	for i := range ids {
		ids[i] = fmt.Sprintf("%064x", i)
	}
	err = x.Sync(b.Context(), "all", ids, func(id string) (Doc, error) {
		var text strings.Builder
		n := 0
		_, _ = fmt.Sscanf(id, "%x", &n)
		for j := range 200 {
			fmt.Fprintf(&text, "word%d ", (n*31+j*j*7)%(50+n%20000))
		}
		return Doc{Request: text.String(), Response: "answer"}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return x, ids
}

func BenchmarkSearch(b *testing.B) {
	x, _ := benchIndex(b)
	for i := 0; b.Loop(); i++ {
		if _, err := x.Search(b.Context(), fmt.Sprintf("word%d word%d word%d and more", i%5000, i%700, i%9), 5); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAdd adds an episode to an index of 5,000, and removes it.
func BenchmarkAdd(b *testing.B) {
	x, ids := benchIndex(b)
	for b.Loop() {
		for _, list := range [][]string{append(ids[:len(ids):len(ids)], "new"), ids} {
			if err := x.Sync(b.Context(), fmt.Sprint(len(list)), list, func(string) (Doc, error) { return Doc{Request: "something new"}, nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
}
