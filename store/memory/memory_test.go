package memory_test

import (
	"testing"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
	"github.com/mythos-project/mythos/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.KV(t, func(testing.TB) store.KV { return memory.New() })
	storetest.Chunks(t, func(testing.TB) store.Chunks { return memory.New() })
}

func BenchmarkKV(b *testing.B) {
	storetest.BenchmarkKV(b, func(testing.TB) store.KV { return memory.New() })
}
