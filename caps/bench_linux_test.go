package caps

import (
	"crypto/ed25519"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object/sign"
)

// cpuTime is the processor time of this process, over all processors.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkVerifyColdRatio verifies, in turns of 20, a chain of depth 5 never seen before and its five signatures
// alone, by the standard library and by package sign. It reports medians of ratios: of processor time, which other load
// hardly moves, and of elapsed time.
func BenchmarkVerifyColdRatio(b *testing.B) {
	chain, holder := fiveLinks(b)
	bare := func() {
		for i := range chain {
			c := &chain[i].Cap
			if !ed25519.Verify(c.Issuer.Key[:], chain[i].ID.Sum[:], c.Signature.Sig[:]) {
				b.Fatal("no")
			}
		}
	}
	ours := func() {
		for i := range chain {
			c := &chain[i].Cap
			if err := sign.Verify(c.Issuer, chain[i].ID.Sum[:], c.Signature.Sig); err != nil {
				b.Fatal(err)
			}
		}
	}
	cold := func() {
		if err := verifier().Verify(chain, holder, t0); err != nil {
			b.Fatal(err)
		}
	}
	turn := func(f func()) (cpu, wall time.Duration) {
		start, at := cpuTime(b), time.Now()
		for range 20 {
			f()
		}
		return cpuTime(b) - start, time.Since(at)
	}
	var cpu, wall, own []float64
	for b.Loop() {
		bareCPU, bareWall := turn(bare)
		oursCPU, _ := turn(ours)
		coldCPU, coldWall := turn(cold)
		cpu = append(cpu, float64(coldCPU)/float64(bareCPU))
		own = append(own, float64(coldCPU)/float64(oursCPU))
		wall = append(wall, float64(coldWall)/float64(bareWall))
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	slices.Sort(own)
	b.ReportMetric(cpu[len(cpu)/2], "x-cpu")
	b.ReportMetric(own[len(own)/2], "x-cpu-sign")
	b.ReportMetric(wall[len(wall)/2], "x-elapsed")
}
