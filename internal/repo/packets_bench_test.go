package repo_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/packets"
)

// BenchmarkOpen receives packets in a repository: what a server does with each, except storing its guard.
func BenchmarkOpen(b *testing.B) {
	n := newAgreeing(b)
	var list [][]byte
	for i := range 64 {
		raw, err := asm.Assemble(fmt.Appendf(nil, ".const a text \"hello %d\"\n.task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nconst r0, $a\nret r0\n", i))
		if err != nil {
			b.Fatal(err)
		}
		if raw, err = n.Packets.Pack(raw, packets.PackOptions{Zstd: true, Guard: true}); err != nil {
			b.Fatal(err)
		}
		list = append(list, raw)
	}
	for i := 0; b.Loop(); i++ {
		if _, err := n.Packets.Open(context.Background(), list[i%len(list)]); err != nil {
			b.Fatal(err)
		}
	}
}
