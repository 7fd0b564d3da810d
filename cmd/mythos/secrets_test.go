package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsNeverShow runs many commands, including failing ones, and looks for the seed of the identity and for
// passphrases in everything that they print, and in everything that they write except the key files.
func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	data, err := os.ReadFile(filepath.Join(dir, ".mythos", "keys", "self.key"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(data), "\n")
	seedHex := strings.TrimSpace(body)
	seed, err := hex.DecodeString(seedHex)
	if err != nil || len(seed) != 32 {
		t.Fatal("self.key has no seed", err)
	}
	const phrase, wrong = "correct-horse-battery", "wrong-horse-battery"
	secrets := map[string][]byte{"seed": seed, "seed in hex": []byte(seedHex), "seed in base64": []byte(base64.StdEncoding.EncodeToString(seed)[:40]),
		"passphrase": []byte(phrase), "wrong passphrase": []byte(wrong)}
	look := func(where string, text []byte) {
		t.Helper()
		for name, s := range secrets {
			if bytes.Contains(bytes.ToLower(text), bytes.ToLower(s)) {
				t.Errorf("the %s shows in %s", name, where)
			}
		}
	}
	writeFile(t, filepath.Join(dir, "in"), 1, 100)
	for _, c := range []struct {
		env, args string
		fails     bool
	}{
		{"", "tool add env --retry-safe --unconfined --process env", false},
		{"", "cap issue --scope tool.call:env,calls=9 -v", false},
		{"", "call env --in in", false},
		{"", "key ls --json", false},
		{"", "key export self --json", false},
		{"", "key export self --ssh", false},
		{"", "key gen other -v --json", false},
		{"", "key import other in", true},
		{"", "key import x in", true},
		{"", "trust ls --json", false},
		{"", "status -v --json", false},
		{"", "log --json", false},
		{"", "ledger checkpoint", false},
		{"", "fsck", false},
		{"MYTHOS_KEY=" + seedHex, "call env --in in -v", false},
		{"MYTHOS_KEY=" + seedHex, "cap ls -v", false},
		{"MYTHOS_KEY=" + seedHex[:63], "cap ls", true},
		{"MYTHOS_KEY=" + seedHex + "0", "cap ls --json", true},
		{"MYTHOS_KEY=/none/" + seedHex, "cap ls", true},
		{"MYTHOS_KEY_PASSPHRASE=" + phrase, "key protect -v", false},
		{"MYTHOS_KEY_PASSPHRASE=" + wrong, "cap ls -v --json", true},
		{"", "cap ls", true},
		{"MYTHOS_KEY_PASSPHRASE=" + phrase, "key rotate --passphrase -v --json", false},
	} {
		cmd := command(dir, strings.Fields(c.args)...)
		if c.env != "" {
			cmd.Env = append(os.Environ(), c.env)
		}
		out, errOut, code := outcome(t, cmd)
		look("the output of mythos "+c.args, []byte(out+errOut))
		if (code != 0) != c.fails {
			t.Errorf("mythos %s: exit code %d\n%s", c.args, code, errOut)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(path, data) // after the rotation, the old key is also stored encrypted
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
