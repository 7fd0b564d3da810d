package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// liar answers like the site, but with answers changed by lie. It counts the answers that it changed.
func (s *site) liar(lie func(path string, body []byte) []byte) (string, *atomic.Int64) {
	s.t.Helper()
	to, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	told := &atomic.Int64{}
	p := httputil.NewSingleHostReverseProxy(to)
	p.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		changed := lie(r.Request.URL.Path, bytes.Clone(body))
		if !bytes.Equal(changed, body) {
			told.Add(1)
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(changed)), int64(len(changed))
		r.Header.Set("Content-Length", strconv.Itoa(len(changed)))
		return nil
	}
	server := httptest.NewServer(p)
	s.t.Cleanup(server.Close)
	return server.URL, told
}

// objectLies are a lying peer's changes of objects.
func objectLies() map[string]func(body []byte) []byte {
	at := func(share int, with byte) func([]byte) []byte { // one wrong byte, at a percentage of the body
		return func(body []byte) []byte {
			if len(body) > 0 {
				body[(len(body)-1)*share/100] ^= with
			}
			return body
		}
	}
	return map[string]func([]byte) []byte{
		"another first byte":  at(0, 0x80),
		"a wrong byte early":  at(1, 1),
		"a wrong byte inside": at(50, 1),
		"a wrong byte late":   at(99, 0x40),
		"half":                func(body []byte) []byte { return body[:len(body)/2] },
		"nothing":             func([]byte) []byte { return nil },
		"junk behind":         func(body []byte) []byte { return append(body, "more than was asked for"...) },
		"junk instead":        func(body []byte) []byte { return bytes.Repeat([]byte{0x5a}, len(body)) },
		"a huge length":       func(body []byte) []byte { return append([]byte{0xff, 0xff, 0xff, 0xff}, body...) },
		"zeros instead":       func(body []byte) []byte { return make([]byte, len(body)) },
		"a page":              func([]byte) []byte { return []byte("<html>it works</html>") },
	}
}

// TestNetworkLyingObjects pulls a blob from a peer that lies about it, in one way after the other. Nothing wrong is
// ever stored, and the honest peer's answer is accepted afterwards.
func TestNetworkLyingObjects(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	data, cid := far.blob(4, 600_000)
	capFile := far.capFor(near, cid)
	for name, lie := range objectLies() {
		t.Run(name, func(t *testing.T) {
			url, told := far.liar(func(path string, body []byte) []byte {
				if path == "/v1/identity" {
					return body
				}
				return lie(body)
			})
			_, _, code := near.try("pull", url, cid, "--cap", capFile)
			harmless := name == "junk behind" // what follows the end of an answer may be left unread
			if told.Load() == 0 {
				t.Error("no lie was told")
			}
			if code == 0 && !harmless {
				t.Error("the pull succeeded")
			}
			if near.has(cid, data) != (code == 0) {
				t.Errorf("exit code %d, and the blob is the other way round", code)
			}
			if code == 0 {
				near.run("blob", "rm", cid)
				near.run("gc")
			}
			near.sound()
		})
	}
	near.run("pull", far.url, cid, "--cap", capFile)
	if !near.has(cid, data) {
		t.Error("the honest peer's blob is not here")
	}
	near.sound()
}

// TestNetworkLyingFetch fetches a range, with its proofs, from a peer that lies: the result is either no file or one
// with the right bytes.
func TestNetworkLyingFetch(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	data, cid := far.blob(13, 600_000)
	capFile := far.capFor(near, cid)
	out := filepath.Join(near.dir, "range")
	fetch := func(url string) bool {
		_, errOut, code := near.try("fetch", url, cid, "--range", "300000:1000", "--cap", capFile, "-o", out)
		got, err := os.ReadFile(out)
		if (code == 0) != (err == nil) || code == 0 && !bytes.Equal(got, data[300_000:301_000]) {
			t.Errorf("exit code %d, %v, %d bytes: %s", code, err, len(got), errOut)
		}
		_ = os.Remove(out)
		return code == 0
	}
	noticed := 0
	for _, lie := range objectLies() {
		url, _ := far.liar(func(path string, body []byte) []byte {
			if path == "/v1/identity" {
				return body
			}
			return lie(body)
		})
		if !fetch(url) {
			noticed++
		}
	}
	if noticed < 9 {
		t.Errorf("%d lies were noticed", noticed)
	}
	if !fetch(far.url) {
		t.Error("the honest peer's range is not here")
	}
	near.sound()
}

// TestNetworkLyingAnswers submits to peers whose answers are not theirs, or do not answer the submission: none is
// accepted.
func TestNetworkLyingAnswers(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	asked, earlier := near.bundle("asked"), near.bundle("asked before")
	old := near.dir + "/old.mythosx"
	near.run("submit", far.url, earlier, "-o", old)
	replay, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	stranger := sign.FromSeed([32]byte{9}, "stranger")
	sealed := func(o packet.Options) []byte {
		raw, err := packet.Pack(o, bundleOf(t, replay))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	edited := func(i int, b byte) func([]byte) []byte {
		return func(body []byte) []byte {
			body[(len(body)+i)%len(body)] ^= b
			return body
		}
	}
	for _, c := range []struct {
		name string
		lie  func(body []byte) []byte
		says string
	}{
		{"an earlier answer", func([]byte) []byte { return replay }, "another packet"},
		{"signed by a stranger", func([]byte) []byte { return sealed(packet.Options{Signers: []sign.Signer{stranger}}) }, "nobody who is trusted"},
		{"our own question", func([]byte) []byte { return near.pack(near.draft("asked")) }, "another packet"},
		{"unknown codebook", func([]byte) []byte {
			return sealed(packet.Options{Signers: []sign.Signer{far.identity()}, Codebook: &packet.Codebook{Entries: []packet.CodebookEntry{}}})
		}, "codebook is neither"},
		{"a changed result", edited(-300, 1), "packet:"},
		{"a changed signature", edited(-1, 1), "signature does not verify"},
		{"a huge length", func(body []byte) []byte { copy(body[42:], "\xff\xff\xff\xff"); return body }, "malformed framing"},
		{"cut off", func(body []byte) []byte { return body[:len(body)-9] }, "malformed framing"},
		{"nothing", func([]byte) []byte { return nil }, "malformed framing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, told := far.liar(func(path string, body []byte) []byte {
				if path != "/v1/packets" {
					return body
				}
				return c.lie(body)
			})
			out, errOut, code := near.try("submit", url, asked)
			if code == 0 || out != "" || !strings.Contains(errOut, c.says) || told.Load() == 0 {
				t.Errorf("exit code %d\n%s%s", code, out, errOut)
			}
		})
	}
	if out := near.run("submit", far.url, asked); strings.TrimSpace(out) != `"asked"` {
		t.Errorf("the honest peer: %s", out)
	}
	near.sound()
}

// bundleOf returns the payload of a packet that is not compressed.
func bundleOf(t *testing.T, raw []byte) []byte {
	t.Helper()
	p, err := packet.Parse(raw, packet.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := p.Decode(nil, nil, packet.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// cut says what happens to the connections of a proxy in front of a server.
type cut struct {
	after int64         // bytes of the answers, after which a connection is dropped
	sent  bool          // counts what is sent to the server instead of the answers
	then  func()        // called when it is dropped; may be nil
	hold  chan struct{} // no answer is passed on before it is closed; nil: at once
}

// cutter passes bytes on to the site's server and drops the connection when the answer has more than after bytes;
// before that it calls then.
func (s *site) cutter(after int64, then func()) string {
	s.t.Helper()
	return s.through(cut{after: after, then: then})
}

// through is a proxy that cuts.
func (s *site) through(c cut) string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	var open sync.WaitGroup
	s.t.Cleanup(func() { // before the server's own end: a cut may kill it
		l.Close()
		open.Wait()
	})
	to, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	host := to.Host
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { c.connection(near, host) })
		}
	}()
	to.Host = l.Addr().String()
	return to.String()
}

func (c cut) connection(near net.Conn, host string) {
	defer near.Close()
	far, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer far.Close()
	from, to := far, near
	if c.sent {
		from, to = near, far
	}
	go func() { // the other way
		_, _ = io.Copy(from, to)
		from.Close()
	}()
	if c.hold != nil {
		<-c.hold
	}
	if n, _ := io.CopyN(to, from, c.after); n == c.after && c.then != nil {
		c.then()
	}
}

// TestNetworkCut pulls over a connection that breaks after more and more bytes, and from a server that is killed in the
// middle. Each pull fails, and the last fetches everything.
func TestNetworkCut(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	data, cid := far.blob(5, 9<<20)
	capFile := far.capFor(near, cid)
	for _, after := range []int64{0, 10, 500, 70_000, 5 << 20} {
		if _, _, code := near.try("pull", far.cutter(after, nil), cid, "--cap", capFile); code == 0 {
			t.Errorf("cut after %d bytes, the pull succeeded", after)
		}
		if near.has(cid, data) {
			t.Errorf("cut after %d bytes, the blob is here", after)
		}
		near.sound()
	}
	var killed atomic.Bool
	url := far.cutter(2<<20, func() {
		if !killed.Swap(true) {
			far.kill()
		}
	})
	if _, _, code := near.try("pull", url, cid, "--cap", capFile); code == 0 || !killed.Load() {
		t.Errorf("exit code %d from a server that was killed (%v)", code, killed.Load())
	}
	near.sound()
	far.serve("--listen", "127.0.0.1:0")
	near.run("pull", far.url, cid, "--cap", capFile)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
	near.sound()
	far.sound()
}

// TestNetworkKilled kills the pulling process in the middle; the next pull fetches everything.
func TestNetworkKilled(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	data, cid := far.blob(6, 9<<20)
	capFile := far.capFor(near, cid)
	for _, after := range []int64{500, 1 << 20, 8 << 20} {
		var pull *exec.Cmd
		ready, done := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		url := far.cutter(after, func() {
			<-ready
			if !once.Swap(true) {
				_ = pull.Process.Kill() // it may have ended
				close(done)
			}
		})
		pull = near.command("pull", url, cid, "--cap", capFile)
		if err := pull.Start(); err != nil {
			t.Fatal(err)
		}
		close(ready)
		<-done
		if err := pull.Wait(); err == nil {
			t.Errorf("killed after %d bytes, it ended well", after)
		}
		near.sound()
	}
	near.run("pull", far.url, cid, "--cap", capFile)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
	near.sound()
}

// TestNetworkCutPush pushes over a connection that breaks, to a server that is killed, and from a process that is
// killed, each in the middle. Nothing incomplete is visible, and the last push sends only what had not arrived.
func TestNetworkCutPush(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	data, cid := near.blob(7, 40<<20)
	capFile := far.capOf(near, "blob.write:ci,max=none,media=*/*")
	for _, after := range []int64{0, 500, 70_000, 9 << 20} {
		if _, _, code := near.try("push", far.through(cut{after: after, sent: true}), cid, "--cap", capFile); code == 0 {
			t.Errorf("cut after %d bytes, the push succeeded", after)
		}
		if far.has(cid, data) {
			t.Errorf("cut after %d bytes, the blob is there", after)
		}
	}
	var killed atomic.Bool
	url := far.through(cut{after: 9 << 20, sent: true, then: func() {
		if !killed.Swap(true) {
			far.kill()
		}
	}})
	if _, _, code := near.try("push", url, cid, "--cap", capFile); code == 0 || !killed.Load() {
		t.Errorf("exit code %d to a server that was killed (%v)", code, killed.Load())
	}
	far.sound()
	far.serve("--listen", "127.0.0.1:0")

	var push *exec.Cmd
	ready, done := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	url = far.through(cut{after: 9 << 20, sent: true, then: func() {
		<-ready
		if !once.Swap(true) {
			_ = push.Process.Kill()
			close(done)
		}
	}})
	push = near.command("push", url, cid, "--cap", capFile)
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	close(ready)
	<-done
	if err := push.Wait(); err == nil {
		t.Error("killed in the middle, it ended well")
	}
	var got struct{ Parts, Bytes int }
	if err := json.Unmarshal([]byte(near.run("push", far.url, cid, "--cap", capFile, "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Parts == 0 || got.Bytes >= len(data) {
		t.Errorf("the last push sent %d parts, %d bytes of %d", got.Parts, got.Bytes, len(data))
	}
	if !far.has(cid, data) {
		t.Error("the blob is not there")
	}
	near.sound()
	far.sound()
}

// TestNetworkManyCuts is the long form: forty cuts, each a little later, and no pull stores anything wrong.
func TestNetworkManyCuts(t *testing.T) {
	t.Parallel()
	if os.Getenv("MYTHOS_NETWORK") == "" {
		t.Skip("takes a minute: `make network` runs it")
	}
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	data, cid := far.blob(8, 20<<20)
	capFile := far.capFor(near, cid)
	for i := range int64(40) {
		var cut func()
		if i%4 == 3 {
			var killed atomic.Bool
			cut = func() {
				if !killed.Swap(true) {
					far.kill()
				}
			}
		}
		if _, _, code := near.try("pull", far.cutter(i*450_000+i*i, cut), cid, "--cap", capFile); code != 0 && near.has(cid, data) {
			t.Errorf("cut %d: the pull failed, and the blob is here", i)
		}
		near.sound()
		if far.cmd == nil {
			far.serve("--listen", "127.0.0.1:0")
		}
	}
	near.run("pull", far.url, cid, "--cap", capFile)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
	near.sound()
	far.sound()
}
