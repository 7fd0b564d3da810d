// Package storetest has the contract of the store's backends, as tests and benchmarks. Every backend runs them:
//
//	func TestContract(t *testing.T) { storetest.KV(t, open) }
package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/store"
)

// KV runs the contract of a store.KV. open returns an empty one and arranges its cleanup.
func KV(t *testing.T, open func(testing.TB) store.KV) {
	for name, test := range map[string]func(*testing.T, store.KV){
		"get what was put":          getPut,
		"conditions":                conditions,
		"all or nothing":            allOrNothing,
		"scan bounds":               scanBounds,
		"scan while others write":   scanAndWrite,
		"large values":              largeValues,
		"values are copies":         copies,
		"concurrent counters":       counters,
		"one of many wins":          oneWins,
		"a cancelled update is not": cancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func must(t testing.TB, kv store.KV, check, put map[string][]byte) {
	t.Helper()
	ok, err := kv.Update(context.Background(), check, put)
	if err != nil || !ok {
		t.Fatalf("update: %v %v", ok, err)
	}
}

func expect(t testing.TB, kv store.KV, key string, want []byte) {
	t.Helper()
	got, found, err := kv.Get(context.Background(), key)
	if err != nil || found != (want != nil) || !bytes.Equal(got, want) {
		t.Fatalf("%s: %.99q, %v, %v; expected %.99q", key, got, found, err, want)
	}
}

func getPut(t *testing.T, kv store.KV) {
	expect(t, kv, "x/a", nil)
	must(t, kv, nil, map[string][]byte{"x/a": []byte("1"), "x/empty": {}, "x/\x00\xff": []byte("odd")})
	expect(t, kv, "x/a", []byte("1"))
	expect(t, kv, "x/empty", []byte{})
	expect(t, kv, "x/\x00\xff", []byte("odd"))
	must(t, kv, nil, map[string][]byte{"x/a": nil, "x/never": nil})
	expect(t, kv, "x/a", nil)
	must(t, kv, nil, nil)
}

func conditions(t *testing.T, kv store.KV) {
	must(t, kv, map[string][]byte{"x/a": nil}, map[string][]byte{"x/a": []byte("1"), "x/e": {}})
	for _, check := range []map[string][]byte{
		{"x/a": nil}, {"x/a": []byte("2")}, {"x/a": {}}, {"x/b": {}}, {"x/b": []byte("1")}, {"x/e": nil},
		{"x/a": []byte("1"), "x/b": []byte("1")},
	} {
		if ok, err := kv.Update(t.Context(), check, map[string][]byte{"x/a": []byte("no")}); ok || err != nil {
			t.Errorf("%q holds: %v", check, err)
		}
	}
	expect(t, kv, "x/a", []byte("1"))
	must(t, kv, map[string][]byte{"x/a": []byte("1"), "x/b": nil, "x/e": {}}, map[string][]byte{"x/b": []byte("yes")})
	expect(t, kv, "x/b", []byte("yes"))
}

func allOrNothing(t *testing.T, kv store.KV) {
	put := map[string][]byte{}
	for i := range 500 {
		put[fmt.Sprintf("x/%03d", i)] = []byte("v")
	}
	if ok, err := kv.Update(t.Context(), map[string][]byte{"x/777": []byte("no")}, put); ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
	expect(t, kv, "x/000", nil)
	must(t, kv, nil, put)
	expect(t, kv, "x/499", []byte("v"))
}

func keysOf(t testing.TB, kv store.KV, from, to string) (keys []string) {
	t.Helper()
	err := kv.Scan(context.Background(), from, to, func(key string, value []byte) error {
		if string(value) != "v"+key {
			t.Fatalf("%q has the value %q", key, value)
		}
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func scanBounds(t *testing.T, kv store.KV) {
	put := map[string][]byte{}
	var all []string
	for i := range 2000 { // more than one page
		key := fmt.Sprintf("x/%04d", i)
		all, put[key] = append(all, key), []byte("v"+key)
	}
	for _, key := range []string{"w/z", "x", "x0", "y/a"} {
		put[key] = []byte("v" + key)
	}
	must(t, kv, nil, put)
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"x/", "x/\xff", all},
		{"x/0100", "x/0103", []string{"x/0100", "x/0101", "x/0102"}},
		{"x/0100", "x/0100", nil},
		{"x/0103", "x/0100", nil},
		{"x/1999\x00", "x0", nil},
		{"x/1999", "x0\x00", []string{"x/1999", "x0"}},
		{"a", "x/", []string{"w/z", "x"}},
		{"z", "zz", nil},
	} {
		if got := keysOf(t, kv, c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("[%q, %q) has %d keys, expected %d", c.from, c.to, len(got), len(c.want))
		}
	}
	stop := errors.New("stop")
	n := 0
	if err := kv.Scan(t.Context(), "x/", "x/\xff", func(string, []byte) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("a scan that is stopped: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := kv.Scan(ctx, "x/", "x/\xff", func(string, []byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a scan whose context ends: %v", err)
	}
}

func scanAndWrite(t *testing.T, kv store.KV) {
	put := map[string][]byte{}
	for i := range 700 {
		put[fmt.Sprintf("x/%04d", i)] = []byte("v")
	}
	must(t, kv, nil, put)
	n := 0
	err := kv.Scan(t.Context(), "x/", "x/\xff", func(key string, _ []byte) error {
		n++
		_, err := kv.Update(t.Context(), nil, map[string][]byte{key: nil, "y" + key: []byte("v")})
		return err
	})
	if err != nil || n != 700 {
		t.Fatalf("%d: %v", n, err)
	}
	n = 0
	if err := kv.Scan(t.Context(), "x/", "z", func(string, []byte) error { n++; return nil }); err != nil || n != 700 {
		t.Fatalf("%d: %v", n, err)
	}
}

func largeValues(t *testing.T, kv store.KV) {
	for _, n := range []int{64 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		key, value := fmt.Sprintf("x/%d", n), bytes.Repeat([]byte{byte(n), 1, 2, 3}, n/4+1)[:n]
		must(t, kv, map[string][]byte{key: nil}, map[string][]byte{key: value})
		expect(t, kv, key, value)
		must(t, kv, map[string][]byte{key: value}, map[string][]byte{key: []byte("small")})
		expect(t, kv, key, []byte("small"))
	}
}

func copies(t *testing.T, kv store.KV) {
	value := []byte("value")
	must(t, kv, nil, map[string][]byte{"x/a": value})
	value[0] = 'X'
	got, _, err := kv.Get(t.Context(), "x/a")
	if err != nil {
		t.Fatal(err)
	}
	got[1] = 'X'
	expect(t, kv, "x/a", []byte("value"))
}

// counters adds up concurrently with compare-and-set.
func counters(t *testing.T, kv store.KV) {
	const callers, each = 16, 10
	must(t, kv, nil, map[string][]byte{"x/n": binary.BigEndian.AppendUint64(nil, 0)})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for done := 0; done < each; {
				old, _, err := kv.Get(t.Context(), "x/n")
				if err != nil {
					t.Error(err)
					return
				}
				next := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(old)+1)
				ok, err := kv.Update(t.Context(), map[string][]byte{"x/n": old}, map[string][]byte{"x/n": next})
				if err != nil {
					t.Error(err)
					return
				}
				if ok {
					done++
				}
			}
		})
	}
	wg.Wait()
	expect(t, kv, "x/n", binary.BigEndian.AppendUint64(nil, callers*each))
}

// oneWins lets many callers create the same key at once: conflicting updates that
// share a transaction must see each other.
func oneWins(t *testing.T, kv store.KV) {
	for round := range 5 {
		key := fmt.Sprintf("x/%d", round)
		var mu sync.Mutex
		var winners []string
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				me := fmt.Sprint(i)
				ok, err := kv.Update(t.Context(), map[string][]byte{key: nil}, map[string][]byte{key: []byte(me)})
				if err != nil {
					t.Error(err)
				}
				if ok {
					mu.Lock()
					defer mu.Unlock()
					winners = append(winners, me)
				}
			})
		}
		wg.Wait()
		if len(winners) != 1 {
			t.Fatalf("%d winners", len(winners))
		}
		expect(t, kv, key, []byte(winners[0]))
	}
}

func cancelled(t *testing.T, kv store.KV) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok, err := kv.Update(ctx, nil, map[string][]byte{"x/a": []byte("1")})
	if err != nil && (ok || !errors.Is(err, context.Canceled)) {
		t.Fatalf("%v %v", ok, err)
	}
	if err != nil {
		expect(t, kv, "x/a", nil)
	} else {
		expect(t, kv, "x/a", []byte("1"))
	}
}
