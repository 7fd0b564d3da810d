package repocmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/object"
)

// server is the name of the remote ledger's agent in trust.yaml.
const server = "server"

// runInitAt makes a repository whose tool effects are recorded by a server: the server is trusted to issue capabilities
// for tools, and its ledger is the setting `at`.
func runInitAt(ctx context.Context, f *cmdutil.Factory, dir, name, url, key string) error {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return clierr.Usagef("%q is not the URL of a server", url).With("give one such as http://127.0.0.1:7480; `mythos serve` prints it")
	}
	if err := runInit(f, dir, name, engine.Make); err != nil {
		return err
	}
	f.From = dir
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	p := peers.Peer{URL: strings.TrimSuffix(url, "/")}
	if key != "" {
		want, err := object.ParseKey(key)
		if err != nil {
			return clierr.Usagef("--server: %w", err)
		}
		p.Key = &want
	}
	client := peer.To(n, p)
	agent, err := client.Agent(ctx)
	if err != nil {
		return err
	}
	if p.Key != nil && !p.Key.Same(agent) {
		return clierr.New(clierr.Refused, "%s answers with key %s, not with the expected key %s", url, agent.KeyHex(), p.Key.KeyHex()).With("compare with what `mythos key export` prints there")
	}
	l, err := remote.Open(ctx, remote.Options{Client: client, Local: n.Ledger, Signer: n.Key, Now: n.Now, KV: n.DB, Bytes: n.Store.Bytes, Notef: f.IO.Notef,
		Stays: func(tool object.Hash) bool { return tool != once.Tool }})
	if err != nil {
		return err
	}
	err = identity.EditTrust(n.Dir, func(t *keyfile.Trust) error {
		if _, known := t.ByAgent(l.Agent()); known {
			return nil
		}
		return t.Add(keyfile.Entry{Name: server, Key: l.Agent().KeyHex(), For: []string{"tool", keyfile.ForLedger}})
	})
	if err != nil {
		return err
	}
	return setAt(filepath.Join(n.Dir, config.File), p.URL)
}

// setAt adds the setting to a settings file, or changes it there.
func setAt(path, url string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if !strings.HasPrefix(line, "at:") {
			lines = append(lines, line)
		}
	}
	return atomicfile.Write(path, 0o600, []byte(strings.Join(append(lines, "at: "+url), "\n")+"\n"))
}
