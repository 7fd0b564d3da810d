package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNetworkTrustChanges: a running server applies changes of trust and of its limits: after a change, and on SIGHUP.
// A wrong file changes nothing.
func TestNetworkTrustChanges(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	submits := func(want int) {
		t.Helper()
		waitFor(t, func() bool {
			_, _, code := near.try("submit", far.url, near.bundle("hello"))
			return code == want
		}, far.log)
	}
	submits(0)
	far.run("trust", "rm", "near")
	submits(4)
	far.run("trust", "add", near.key, "--name", "near", "--for", "packet")
	submits(0)
	trust := filepath.Join(far.dir, ".mythos", "trust.yaml")
	if err := os.WriteFile(trust, []byte("agents: [{nonsense: 1}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.Contains(far.log.String(), "not applied") }, far.log)
	submits(0)
	if err := os.WriteFile(trust, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := far.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	submits(4)
	config := filepath.Join(far.dir, ".mythos", "config.yaml")
	if err := os.WriteFile(config, []byte("peer_rate: slow\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.Contains(far.log.String(), "peer_rate") }, far.log)
	if err := os.WriteFile(config, []byte("peer_rate: 0.001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	submits(7)
}
