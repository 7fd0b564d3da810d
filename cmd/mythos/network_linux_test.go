package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// conditions are what a link does to IP packets, the same for the same sequence.
type conditions struct {
	loss      float64       // share that is lost
	twice     float64       // share that arrives twice
	delay     time.Duration // one way
	jitter    time.Duration // up to this much more: packets overtake one another
	bytes     int64         // after this many bytes toward the first site, dark is called; 0: never
	dark      func(l *link)
	transfers int // bytes that are pulled
}

// link joins the network namespaces of two sites through a TUN device in each. The test carries the packets between
// them, so the kernel needs no queueing discipline.
type link struct {
	conditions
	ends [2]*os.File
	down atomic.Bool // everything is lost

	mu      sync.Mutex
	random  *rand.Rand
	carried int64
	dropped int
}

var namespaces atomic.Int64 // made so far

// join connects two sites by a separate link, far from any other network. It skips the test if the machine does not
// allow that.
func join(t *testing.T, c conditions, near, far *site) *link {
	t.Helper()
	l := &link{conditions: c, random: rand.New(rand.NewPCG(1, 2))}
	for i, s := range []*site{near, far} {
		name := fmt.Sprintf("mythos-%d-%d", os.Getpid(), namespaces.Add(1))
		ip(t, "netns", "add", name)
		t.Cleanup(func() { ip(t, "netns", "del", name) })
		end, err := tunIn(name)
		if err != nil {
			t.Skipf("no TUN device in a network namespace: %v", err)
		}
		t.Cleanup(func() { end.Close() })
		l.ends[i] = end
		ip(t, "-n", name, "link", "set", "lo", "up")
		ip(t, "-n", name, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "tun0")
		ip(t, "-n", name, "link", "set", "tun0", "up")
		s.in = []string{"ip", "netns", "exec", name}
	}
	go l.carry(0)
	go l.carry(1)
	return l
}

// ip runs iproute2's command; without it, or without the permission, the test is skipped.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := osexec.LookPath("ip"); err != nil {
		t.Skip("no iproute2 here")
	}
	out, err := osexec.Command("ip", args...).CombinedOutput()
	if err != nil && args[len(args)-2] == "add" {
		t.Skipf("no network namespaces here: %v: %s", err, out)
	}
	if err != nil {
		t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// tunIn opens the device tun0 in a network namespace.
func tunIn(name string) (end *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		end, err = openTun("/var/run/netns/" + name)
	}()
	<-done
	return end, err
}

func openTun(namespace string) (*os.File, error) {
	ns, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("setns: %w", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("tun0")
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	return os.NewFile(uintptr(fd), "tun0"), nil
}

// carry carries packets from one end to the other until the device is closed.
func (l *link) carry(from int) {
	buf := make([]byte, 65536)
	for {
		n, err := l.ends[from].Read(buf)
		if err != nil {
			return
		}
		packet := append([]byte(nil), buf[:n]...)
		for _, delay := range l.fate(from, n) {
			time.AfterFunc(delay, func() { _, _ = l.ends[1-from].Write(packet) }) // a closed end loses it
		}
	}
}

// fate says when each copy of a packet arrives; without any, the packet is lost.
func (l *link) fate(from, size int) (arrives []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from == 1 {
		l.carried += int64(size)
		if l.bytes > 0 && l.carried >= l.bytes && l.dark != nil {
			go l.dark(l)
			l.dark = nil
		}
	}
	if l.down.Load() || l.random.Float64() < l.loss {
		l.dropped++
		return nil
	}
	later := func() time.Duration {
		if l.jitter == 0 {
			return l.delay
		}
		return l.delay + time.Duration(l.random.Int64N(int64(l.jitter)))
	}
	arrives = append(arrives, later())
	if l.random.Float64() < l.twice {
		arrives = append(arrives, later())
	}
	return arrives
}

func (l *link) lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// overLink pulls a blob and submits a bundle over a link; both succeed, and packets were lost.
func overLink(t *testing.T, c conditions) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	l := join(t, c, near, far)
	far.serve("--listen", "10.77.0.2:7480")
	data, cid := far.blob(7, c.transfers)
	capFile := far.capFor(near, cid)
	near.run("pull", far.url, cid, "--cap", capFile)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
	submit := near.bundle("far away")
	if out := near.run("submit", far.url, submit); strings.TrimSpace(out) != `"far away"` {
		t.Errorf("the answer is %s", out)
	}
	if l.lost() == 0 {
		t.Error("no packet was lost: nothing was tried")
	}
	near.sound()
}

// TestNetworkLossy works over a link that loses, delays, duplicates and reorders packets.
func TestNetworkLossy(t *testing.T) {
	overLink(t, conditions{loss: 0.01, twice: 0.01, delay: 2 * time.Millisecond, jitter: time.Millisecond, transfers: 2 << 20})
}

// TestNetworkDark works over a link that loses everything for a second, in the middle.
func TestNetworkDark(t *testing.T) {
	overLink(t, conditions{delay: time.Millisecond, transfers: 2 << 20, bytes: 1 << 20, dark: func(l *link) {
		l.down.Store(true)
		time.Sleep(time.Second)
		l.down.Store(false)
	}})
}

// TestNetworkBadLinks is the long form, for `make network`: about a minute.
func TestNetworkBadLinks(t *testing.T) {
	if os.Getenv("MYTHOS_NETWORK") == "" {
		t.Skip("takes minutes: `make network` runs it")
	}
	for name, c := range map[string]conditions{
		"slow":     {loss: 0.001, delay: 100 * time.Millisecond, transfers: 64 << 20},
		"lossy":    {loss: 0.03, twice: 0.02, delay: 20 * time.Millisecond, jitter: 10 * time.Millisecond, transfers: 16 << 20},
		"terrible": {loss: 0.15, twice: 0.05, delay: 20 * time.Millisecond, jitter: 20 * time.Millisecond, transfers: 2 << 20},
		"ten seconds in the dark": {delay: 10 * time.Millisecond, transfers: 16 << 20, bytes: 3 << 20, dark: func(l *link) {
			l.down.Store(true)
			time.Sleep(10 * time.Second)
			l.down.Store(false)
		}},
	} {
		t.Run(name, func(t *testing.T) { overLink(t, c) })
	}
}

// TestNetworkDead is the long form: a link that goes dark and remains so. The pull ends by itself, after the minute for
// which a peer may be silent, and reports that.
func TestNetworkDead(t *testing.T) {
	if os.Getenv("MYTHOS_NETWORK") == "" {
		t.Skip("takes a minute: `make network` runs it")
	}
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	join(t, conditions{delay: time.Millisecond, bytes: 1 << 20, dark: func(l *link) { l.down.Store(true) }}, near, far)
	far.serve("--listen", "10.77.0.2:7480")
	data, cid := far.blob(11, 8<<20)
	_, errOut, code := near.try("pull", far.url, cid, "--cap", far.capFor(near, cid))
	if code == 0 || !strings.Contains(errOut, "stopped sending") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if near.has(cid, data) {
		t.Error("the blob is here")
	}
	near.sound()
	far.kill() // it still waits for those that it served
}
