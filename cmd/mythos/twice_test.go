package main

import (
	"strings"
	"sync"
	"testing"
)

// TestTwiceAtOnce starts each command that executes effects twice at the same time: both succeed with the same result,
// and no history contradicts itself.
func TestTwiceAtOnce(t *testing.T) {
	dir := lab(t, learnedLittle)
	t.Setenv("MYTHOS_BUSY", "5m")
	both := func(line string) [2]string {
		t.Helper()
		args := strings.Fields("-q " + line)
		var out, errOut [2]string
		var code [2]int
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() { out[i], errOut[i], code[i] = outcome(t, command(dir, args...)) })
		}
		wg.Wait()
		if code != [2]int{} {
			t.Fatalf("%s: exit codes %d, %q and %q: %s%s", line, code, out[0], out[1], errOut[0], errOut[1])
		}
		return out
	}
	twice := func(line string) string {
		t.Helper()
		out := both(line)
		if out[0] != out[1] {
			t.Fatalf("%s: %q and %q", line, out[0], out[1])
		}
		return strings.TrimSpace(out[0])
	}
	twice("dataset build train.yaml")
	twice("train @recipe @train --ref m")
	receipt := twice("eval @m @suite")
	mustRun(t, dir, "-q", "attest", receipt)
	mustRun(t, dir, "-q", "attest", "@m", "--policy", "@policy0")
	twice("promote @m --ring 0 --policy @policy0")
	twice("promote @m --ring 0 --policy @policy0") // and a while later
	both("index update memory @corpus/train")      // one that begins after the other has ended is a separate update
	twice("score scorer")
	twice("corpus snapshot --tool count")
	if out := mustRun(t, dir, "status"); strings.Contains(out, "!") {
		t.Error(out)
	}
	if out := mustRun(t, dir, "ledger", "verify"); !strings.Contains(out, " 0 divergent, 0 pending") {
		t.Error(out)
	}
}
