package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestNetworkTwoPeers: two processes serve, and each asks the other for work and objects at the same time. Each gets
// its own answers and the other's bytes.
func TestNetworkTwoPeers(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"plain": {"--listen", "127.0.0.1:0"}, "tls": {"--listen", "127.0.0.1:0", "--tls"}} {
		t.Run(name, func(t *testing.T) { twoPeers(t, args) })
	}
}

func twoPeers(t *testing.T, args []string) {
	all := sites(t, "alice", "bob")
	a, b := all[0], all[1]
	a.serve(args...)
	b.serve(args...)
	a.run("peer", "add", "bob", b.url)
	b.run("peer", "add", "alice", a.url)
	ours, ourCID := a.blob(1, 3<<20)
	theirs, theirCID := b.blob(2, 3<<20)
	toBob, toAlice := a.capFor(b, ourCID), b.capFor(a, theirCID)
	jobs := []func(){
		func() { b.run("pull", "alice", ourCID, "--cap", toBob) },
		func() { a.run("pull", "bob", theirCID, "--cap", toAlice) },
	}
	mine, yours := submits(a, "from alice"), submits(b, "from bob")
	for range 3 {
		jobs = append(jobs, mine("bob"), yours("alice"))
	}
	together(jobs...)
	if !b.has(ourCID, ours) || !a.has(theirCID, theirs) {
		t.Error("a blob that was pulled is not here")
	}
	a.sound()
	b.sound()
}

// submits makes jobs: a bundle that returns a text is submitted to a peer, and the text comes back.
func submits(s *site, text string) func(peer string) func() {
	bundle := s.bundle(text)
	return func(peer string) func() {
		return func() {
			if out := s.run("submit", peer, bundle); strings.TrimSpace(out) != `"`+text+`"` {
				s.t.Errorf("%s asked %s for %q and got %s", s.name, peer, text, out)
			}
		}
	}
}

// TestNetworkFivePeers: five processes serve. Each submits to all others at the same time, and a blob is passed from
// one to the next.
func TestNetworkFivePeers(t *testing.T) {
	t.Parallel()
	all := sites(t, "p0", "p1", "p2", "p3", "p4")
	for _, s := range all {
		s.serve("--listen", "127.0.0.1:0")
	}
	var jobs []func()
	for _, s := range all {
		submit := submits(s, "from "+s.name)
		for _, other := range all {
			if other != s {
				jobs = append(jobs, submit(other.url))
			}
		}
	}
	data, cid := all[0].blob(3, 1<<20)
	jobs = append(jobs, func() {
		for i, s := range all[1:] {
			s.run("pull", all[i].url, cid, "--cap", all[i].capFor(s, cid))
		}
	})
	together(jobs...)
	for _, s := range all {
		if !s.has(cid, data) {
			t.Errorf("%s does not have the blob", s.name)
		}
		s.sound()
	}
}

// TestNetworkStrangers: without an own capability nobody gets an object, and without trust nobody gets work done; a
// stolen capability, or one for another object, does not help.
func TestNetworkStrangers(t *testing.T) {
	t.Parallel()
	all := sites(t, "far", "near", "other")
	far, near, other := all[0], all[1], all[2]
	far.run("trust", "rm", "other")
	far.serve("--listen", "127.0.0.1:0")
	data, cid := far.blob(9, 20_000)
	_, second := far.blob(10, 20_000)
	good, wrong := far.capFor(near, cid), far.capFor(near, second)
	expired := filepath.Join(near.dir, "expired.cap")
	id := strings.TrimSpace(far.run("-q", "cap", "issue", "--to", near.key, "--scope", "blob.read:"+cid, "--ttl", "1ms"))
	if err := os.WriteFile(expired, []byte(far.run("cap", "export", id)), 0o600); err != nil {
		t.Fatal(err)
	}
	ownID := strings.TrimSpace(other.run("-q", "cap", "issue", "--to", "self", "--scope", "blob.read:"+cid, "--ttl", "1h"))
	for _, c := range []struct {
		name string
		who  *site
		cap  string
	}{{"of another holder", other, good}, {"of another object", near, wrong}, {"expired", near, expired}, {"of one's own issue", other, ownID}} {
		out, errOut, code := c.who.try("pull", far.url, cid, "--cap", c.cap)
		if code != 4 || out != "" || c.who.has(cid, data) {
			t.Errorf("a capability %s: exit code %d\n%s%s", c.name, code, out, errOut)
		}
	}
	if out, errOut, code := other.try("submit", far.url, other.bundle("from a stranger")); code != 4 || out != "" {
		t.Errorf("a stranger's task: exit code %d\n%s%s", code, out, errOut)
	}
	near.run("pull", far.url, cid, "--cap", good)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
}

// TestNetworkSeveral pulls from three peers at the same time, of which one lies and one is killed in the middle; the
// third, which answers only then, sends the rest.
func TestNetworkSeveral(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "liar", "mortal", "honest")
	near, liar, mortal, honest := all[0], all[1], all[2], all[3]
	var data []byte
	var cid string
	for _, s := range all[1:] {
		s.serve("--listen", "127.0.0.1:0")
		data, cid = s.blob(12, 20<<20)
	}
	lies, _ := liar.liar(func(path string, body []byte) []byte {
		if path != "/v1/identity" && len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		return body
	})
	var once sync.Once
	killed := make(chan struct{})
	dies := mortal.cutter(1<<20, func() {
		once.Do(func() {
			mortal.kill()
			close(killed)
		})
	})
	waits := honest.through(cut{after: math.MaxInt64, hold: killed})
	_, notes, code := near.try("pull", dies+","+lies+","+waits, cid, "--cap", honest.capFor(near, cid))
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	t.Log(notes)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
	near.sound()
	select {
	case <-killed:
	default:
		t.Error("nobody was killed")
	}
}
