package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/linetest"
)

// TestServerDies: the server is killed while a call from elsewhere is under way, and comes back: when the register is
// recorded but not answered, while the tool runs, and when the commit is recorded but not answered. The call succeeds,
// the tool ran once, and the receipt is stored.
func TestServerDies(t *testing.T) {
	root := t.TempDir()
	runs, ready := filepath.Join(root, "runs"), filepath.Join(root, "ready")
	far, near := sites(t, "far")[0], sites(t, "near")[0]
	far.serve("--listen", "127.0.0.1:0")
	line := linetest.New(t, strings.TrimPrefix(far.url, "http://"))
	back := func() { // a server with another port is at the end of the same line
		far.kill()
		far.serve("--listen", "127.0.0.1:0")
		line.To(strings.TrimPrefix(far.url, "http://"))
	}
	script := filepath.Join(root, "deploy.sh")
	text := fmt.Sprintf("#!/bin/sh\necho began >> %s\nuntil [ -e %s ]; do sleep 0.02; done\necho deployed\n", runs, ready)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	tool := strings.TrimSpace(near.run("-q", "tool", "add", "deploy", "--unconfined", "--process", script))
	link := strings.TrimSpace(far.run("-q", "cap", "issue", "--to", near.key, "--scope", "tool.call:"+tool+",calls=9", "--ttl", "1h"))
	carried := filepath.Join(root, "cap")
	if err := os.WriteFile(carried, []byte(far.run("cap", "export", link)), 0o600); err != nil {
		t.Fatal(err)
	}
	near.run("cap", "import", carried)
	began := func() int {
		text, _ := os.ReadFile(runs) // it does not exist at first
		return bytes.Count(text, []byte("began\n"))
	}
	for i, c := range []struct {
		name string
		till string // the path of a request whose answer is lost with the server; empty: while the tool runs
	}{{"registered", "/register"}, {"running", ""}, {"committed", "/end"}} {
		if c.till != "" {
			line.Set(linetest.Fault{Passes: linetest.AnswerTo(c.till), Then: back})
			if err := os.WriteFile(ready, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(ready); err != nil {
			t.Fatal(err)
		}
		cmd := near.command("call", "deploy", "--at", "http://"+line.Addr(), "--key", c.name, "--json")
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if c.till == "" {
			waitFor(t, func() bool { return began() == i+1 }, &log)
			back()
			if err := os.WriteFile(ready, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := cmd.Wait()
		line.Set(linetest.Fault{})
		var got struct {
			Replayed bool
			Receipt  string
		}
		if jerr := json.Unmarshal(out.Bytes(), &got); err != nil || jerr != nil || got.Replayed || began() != i+1 {
			t.Fatalf("%s: %v, %v, the tool ran %d times\n%s%s", c.name, err, jerr, began(), &out, &log)
		}
		if shown := far.run("receipt", "show", got.Receipt, "--json"); !strings.Contains(shown, got.Receipt) {
			t.Errorf("%s: the server has %s", c.name, shown)
		}
		if again := near.run("call", "deploy", "--at", "http://"+line.Addr(), "--key", c.name, "--json"); !strings.Contains(again, `"replayed":true`) || !strings.Contains(again, got.Receipt) || began() != i+1 {
			t.Errorf("%s, again: %s", c.name, again)
		}
	}
	far.run("ledger", "verify")
}
