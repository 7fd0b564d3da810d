package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const calls = 100 // of each round

// call returns the parameters of calls with a new key each.
func (b *bench) call(key string) func() string {
	n := 0
	return func() string {
		n++
		return fmt.Sprintf(`{"name":"t00000","arguments":{"text":"a"},"_meta":{"mythos/idempotencyKey":"%s%d"}}`, key, n)
	}
}

func plain() string { return `{"name":"t00000","arguments":{"text":"a"}}` }

// reading calls the tool whose policy says that it only reads.
func reading() string { return `{"name":"t00001","arguments":{"text":"a"}}` }

// asking returns the median time of many calls, one after another.
func asking(c client, params func() string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		return p50(calls, func() error { _, err := c.ask("tools/call", params()); return err })
	}
}

// calls compares what wrap adds to a call with the executor alone.
func (b *bench) calls(ctx context.Context) (err error) {
	direct, err := starting(b.dir, b.self, "-serve", "2")
	if err != nil {
		return err
	}
	wrapped, err := starting(b.repo("between"), b.mythos, "mcp", "wrap", "s", "--agent", "scout")
	if err != nil {
		return err
	}
	defer closing(&err, direct, wrapped)
	gate, err := openGate(ctx, b.repo("alone"), "scout", "s.t00000")
	if err != nil {
		return err
	}
	defer gate.Close()
	t, err := b.turns([]func() (time.Duration, error){asking(direct, plain), asking(wrapped, b.call("k")), asking(wrapped, plain),
		asking(wrapped, reading), func() (time.Duration, error) { return p50(calls, func() error { return gate.call(ctx) }) }})
	if err != nil {
		return err
	}
	times("a call, bare", t[0])
	times("through wrap, under the client's key", t[1])
	times("through wrap, without one", t[2])
	times("through wrap, of a tool that only reads", t[3])
	times("Gate.Do of a tool that does nothing", t[4])
	for row, what := range []string{1: "under the client's key", 2: "without a key", 3: "of a tool that only reads"} {
		if row > 0 {
			say("added by wrap / Gate.Do, "+what, []string{1: "1.25", 2: "1.25", 3: "0.6"}[row], b.rounds, func(i int) float64 { return float64(t[row][i]-t[0][i]) / float64(t[4][i]) })
		}
	}
	return nil
}

const (
	callers = 64
	burst   = 2000 // calls of each round
)

// many compares the rate of 64 callers with that of the executor alone.
func (b *bench) many(ctx context.Context) (err error) {
	wrapped, err := starting(b.repo("between"), b.mythos, "mcp", "wrap", "s", "--agent", "scout")
	if err != nil {
		return err
	}
	defer closing(&err, wrapped)
	gate, err := openGate(ctx, b.repo("alone"), "scout", "s.t00000")
	if err != nil {
		return err
	}
	defer gate.Close()
	keyed := b.call("many")
	t, err := b.turns([]func() (time.Duration, error){
		func() (time.Duration, error) { return wrapped.many(burst, callers, keyed) },
		func() (time.Duration, error) { return wrapped.many(burst, callers, plain) },
		func() (time.Duration, error) { return gate.many(ctx, burst, callers) }})
	if err != nil {
		return err
	}
	for i, what := range []string{"64 callers through wrap, under keys: 2,000 calls", "without", "64 callers of Gate.Do: 2,000 calls"} {
		times(what, t[i])
	}
	say("rate of 64 callers / Gate.Do, under the client's keys", "at least 0.6", b.rounds, func(i int) float64 { return float64(t[2][i]) / float64(t[0][i]) })
	say("rate of 64 callers / Gate.Do, without keys", "at least 0.6", b.rounds, func(i int) float64 { return float64(t[2][i]) / float64(t[1][i]) })
	return nil
}

// listed asks for all pages, and reads them like a client.
func listed(c client, want int) error {
	type tool struct {
		Name, Description string
		InputSchema       map[string]any
	}
	n, cursor := 0, "{}"
	for {
		raw, err := c.ask("tools/list", cursor)
		if err != nil {
			return err
		}
		var page struct {
			Tools      []tool
			NextCursor string
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		n += len(page.Tools)
		if page.NextCursor == "" {
			break
		}
		cursor = fmt.Sprintf(`{"cursor":%q}`, page.NextCursor)
	}
	if n != want {
		return fmt.Errorf("%d tools, not %d", n, want)
	}
	return nil
}

// globs returns patterns that match all tools, a thousand each: a capability is for at most 1,024.
func globs(tools int) (all []string) {
	for i := 0; i < tools; i += perPage {
		all = append(all, fmt.Sprintf("s.t%02d*", i/perPage))
	}
	return all
}

// list compares the list of a server with many tools, bare and through wrap and serve, and reports how long registering
// them takes.
func (b *bench) list(context.Context) (err error) {
	server := []string{b.self, "-serve", fmt.Sprint(b.tools)}
	added := append([]string{"mcp", "add", "s", "--unconfined", "--"}, server...)
	steps := [][]string{{"init", "."}, added, added}
	for _, glob := range globs(b.tools) {
		steps = append(steps, []string{"agent", "add", "scout", "--tools", glob})
	}
	for i, args := range steps {
		took, err := timed(func() error { _, err := b.out("many", args...); return err })
		if err != nil {
			return err
		}
		if i == 1 || i == 2 {
			times(fmt.Sprintf("mcp add of %d tools, time %d", b.tools, i), []time.Duration{took})
		}
	}
	direct, err := starting(b.dir, server...)
	if err != nil {
		return err
	}
	defer closing(&err, direct)
	wrapped, err := starting(b.repo("many"), b.mythos, "mcp", "wrap", "s", "--agent", "scout")
	if err != nil {
		return err
	}
	defer closing(&err, wrapped)
	served, err := starting(b.repo("many"), b.mythos, "mcp", "serve", "--agent", "scout", "--with", "none")
	if err != nil {
		return err
	}
	defer closing(&err, served)
	asked := func(c client) func() (time.Duration, error) {
		return func() (time.Duration, error) { return timed(func() error { return listed(c, b.tools) }) }
	}
	t, err := b.turns([]func() (time.Duration, error){asked(direct), asked(wrapped), asked(served)})
	if err != nil {
		return err
	}
	times(fmt.Sprintf("list of %d tools, bare", b.tools), t[0])
	times("through wrap", t[1])
	times("of serve", t[2])
	say("list through wrap / bare", "1.5", b.rounds, func(i int) float64 { return float64(t[1][i]) / float64(t[0][i]) })
	say("list of serve / bare", "1.5", b.rounds, func(i int) float64 { return float64(t[2][i]) / float64(t[0][i]) })
	for name, c := range map[string]*lines{"the server": direct, "wrap": wrapped, "serve": served} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
		if err != nil {
			continue // this system reports it elsewhere
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "VmHWM") || strings.HasPrefix(line, "VmRSS") {
				fmt.Printf("  memory of %s: %s\n", name, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return nil
}

// start compares the start of wrap with that of the server and that of the program.
func (b *bench) start(context.Context) error {
	up := func(dir string, argv ...string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			var c *lines
			took, err := timed(func() (err error) { c, err = starting(dir, argv...); return err })
			if err == nil {
				err = c.close()
			}
			return took, err
		}
	}
	t, err := b.turns([]func() (time.Duration, error){up(b.dir, b.self, "-serve", "1"), up(b.repo("between"), b.mythos, "mcp", "wrap", "s", "--agent", "scout"),
		func() (time.Duration, error) {
			return timed(func() error { _, err := b.out("between", "version"); return err })
		}})
	if err != nil {
		return err
	}
	times("start of the server until it has answered initialize", t[0])
	times("of wrap", t[1])
	times("mythos version", t[2])
	say("start of wrap / server + mythos version", "1.2", b.rounds, func(i int) float64 { return float64(t[1][i]) / float64(t[0][i]+t[2][i]) })
	return nil
}

// free returns a port at which nobody listens.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return port, err
}

// proxies compares what wrap adds to a call with what proxies from npm add, which record nothing.
func (b *bench) proxies(context.Context) (err error) {
	node := filepath.Join(b.npm, "node_modules/node/bin/node")
	proxy := filepath.Join(b.npm, "node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs")
	if _, err := os.Stat(proxy); err != nil {
		fmt.Println("the proxies of npm are not there: make mcp installs them")
		return nil
	}
	direct, err := starting(b.dir, b.self, "-serve", "2")
	if err != nil {
		return err
	}
	defer closing(&err, direct)
	token, err := b.out("between", "agent", "token", "scout")
	if err != nil {
		return err
	}
	wrapped, err := reaching(b.repo("between"), "", strings.Fields(token)[0], b.mythos, "mcp", "wrap", "s", "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer closing(&err, wrapped)
	port, err := free()
	if err != nil {
		return err
	}
	other, err := reaching(b.dir, "http://127.0.0.1:"+port+"/mcp", "", node, proxy, "--host", "127.0.0.1", "--port", port, "--server", "stream", "--", b.self, "-serve", "1")
	if err != nil {
		return err
	}
	defer closing(&err, other)
	t, err := b.turns([]func() (time.Duration, error){asking(direct, plain), asking(wrapped, b.call("p")), asking(other, plain)})
	if err != nil {
		return err
	}
	times("a call over lines, bare", t[0])
	times("through wrap --listen, recorded", t[1])
	times("through mcp-proxy", t[2])
	say("added by wrap --listen / by mcp-proxy", "1", b.rounds, func(i int) float64 { return float64(t[1][i]-t[0][i]) / float64(t[2][i]-t[0][i]) })
	return nil
}
