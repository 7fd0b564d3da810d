package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

var testSeed = object.SumText("seed").Sum

func testKey(hint string) *sign.Key { return sign.FromSeed(testSeed, hint) }

func phrase(s string) Passphrase { return func() ([]byte, error) { return []byte(s), nil } }

// noSecret fails if a text shows the test seed.
func noSecret(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(strings.ToLower(text), hex.EncodeToString(testSeed[:])[:16]) {
		t.Fatalf("the secret shows in %q", text)
	}
}

func TestKeysOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	weak := Protection{Passphrase: []byte("open sesame"), Work: 4}
	if err := Save(dir, "plain", testKey("alice \"A\" \x1b"), nil); err != nil {
		t.Fatal(err)
	}
	if err := SaveProtected(dir, "locked", testKey(""), weak); err != nil {
		t.Fatal(err)
	}
	for name, pass := range map[string]Passphrase{"plain": nil, "locked": phrase("open sesame")} {
		key, err := Load(dir, name, pass)
		if err != nil {
			t.Fatal(err)
		}
		if key.Seed() != testSeed {
			t.Error(name, "has another seed")
		}
		info, err := os.Stat(keyPath(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	key, err := Load(dir, "plain", nil)
	if err != nil || key.Agent().Hint != "alice \"A\" \x1b" {
		t.Errorf("hint %q, %v", key.Agent().Hint, err)
	}
	locked, err := os.ReadFile(keyPath(dir, "locked"))
	if err != nil {
		t.Fatal(err)
	}
	noSecret(t, string(locked))
	if !strings.HasPrefix(string(locked), "mythos-key-1 ed25519 "+testKey("").Agent().KeyHex()+" age\n-----BEGIN AGE") {
		t.Errorf("the file begins %.120q", locked)
	}
	list, err := List(dir)
	if err != nil || len(list) != 2 || list[0].Name != "locked" || !list[0].Encrypted || list[1].Encrypted || !list[0].Agent.Same(testKey("").Agent()) {
		t.Errorf("%+v, %v", list, err)
	}
	if err := Save(dir, "plain", testKey(""), nil); !errors.Is(err, ErrExists) {
		t.Errorf("a key is replaced: %v", err)
	}
	if err := Delete(dir, "plain"); err != nil {
		t.Error(err)
	}
	if _, err := Load(dir, "plain", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted key: %v", err)
	}
	if none, err := List(filepath.Join(dir, "none")); err != nil || none != nil {
		t.Errorf("%v, %v", none, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	good, err := Encode(testKey("h"), Protection{})
	if err != nil {
		t.Fatal(err)
	}
	locked, err := Encode(testKey("h"), Protection{Passphrase: []byte("right"), Work: 4})
	if err != nil {
		t.Fatal(err)
	}
	other := sign.FromSeed(object.SumText("other").Sum, "").Agent().KeyHex()
	files := []struct {
		data string
		pass Passphrase
		want error
	}{
		{string(locked), nil, ErrNoPassphrase},
		{string(locked), phrase(""), ErrNoPassphrase},
		{string(locked), phrase("wrong"), ErrPassphrase},
		{string(locked[:len(locked)-60]), phrase("right"), ErrFormat},
		{"", nil, ErrFormat},
		{strings.Replace(string(good), "key-1", "key-2", 1), nil, ErrFormat},
		{strings.Replace(string(good), " plain", " open", 1), nil, ErrFormat},
		{strings.Replace(string(good), testKey("").Agent().KeyHex(), other, 1), nil, ErrFormat},
		{strings.Replace(string(good), `"h"`, `h`, 1), nil, ErrFormat},
		{string(good) + "00", nil, ErrFormat},
		{string(good[:len(good)-2]), nil, ErrFormat},
		{string(good) + strings.Repeat(" ", maxFile), nil, ErrFormat},
		{strings.Replace(string(good), " plain", " age", 1), phrase("x"), ErrFormat},
	}
	for i, f := range files {
		name := fmt.Sprintf("k%d", i)
		if err := os.WriteFile(keyPath(dir, name), []byte(f.data), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir, name, f.pass)
		if !errors.Is(err, f.want) {
			t.Errorf("%d: %v, want %v", i, err, f.want)
		}
		noSecret(t, fmt.Sprint(err))
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o610} {
		if err := os.WriteFile(keyPath(dir, "shared"), good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(keyPath(dir, "shared"), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, "shared", nil); !errors.Is(err, ErrMode) {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
	if list, err := List(dir); err != nil || list[len(list)-1].Name != "shared" || !errors.Is(list[len(list)-1].Err, ErrMode) {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"", "../x", ".hidden", "a/b", strings.Repeat("x", 65)} {
		if err := Save(dir, name, testKey(""), nil); !errors.Is(err, ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
		if _, err := Load(dir, name, nil); !errors.Is(err, ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if err := os.Mkdir(keyPath(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, "folder", nil); !errors.Is(err, ErrFormat) {
		t.Errorf("a folder: %v", err)
	}
}

// TestSaveOnce: if many save under one name at the same time, one succeeds.
func TestSaveOnce(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	saved := 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			err := Save(dir, "one", testKey(""), nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				saved++
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if saved != 1 {
		t.Errorf("%d saved", saved)
	}
	if _, err := Load(dir, "one", nil); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func sshPEM(t *testing.T, key any, pass string) []byte {
	t.Helper()
	var block *pem.Block
	var err error
	if pass == "" {
		block, err = ssh.MarshalPrivateKey(key, "comment")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "comment", []byte(pass))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func TestImportSSH(t *testing.T) {
	private := ed25519.NewKeyFromSeed(testSeed[:])
	key, err := ImportSSH(sshPEM(t, private, ""), nil, "me")
	if err != nil || key.Seed() != testSeed || key.Agent().Hint != "me" {
		t.Fatalf("%v, %v", key, err)
	}
	locked := sshPEM(t, private, "right")
	if key, err := ImportSSH(locked, phrase("right"), ""); err != nil || key.Seed() != testSeed {
		t.Errorf("%v, %v", key, err)
	}
	if _, err := ImportSSH(locked, phrase("wrong"), ""); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := ImportSSH(locked, nil, ""); !errors.Is(err, ErrNoPassphrase) {
		t.Error(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ImportSSH(sshPEM(t, rsaKey, ""), nil, ""); !errors.Is(err, ErrKeyType) {
		t.Error(err)
	}
	if _, err := ImportSSH([]byte("-----BEGIN nonsense"), nil, ""); err == nil {
		t.Error("nonsense is imported")
	}
}

func TestFromEnv(t *testing.T) {
	dir := t.TempDir()
	seed := hex.EncodeToString(testSeed[:])
	sshFile := filepath.Join(dir, "id_ed25519")
	if err := os.WriteFile(sshFile, sshPEM(t, ed25519.NewKeyFromSeed(testSeed[:]), ""), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Save(dir, "own", testKey("own"), nil); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{seed, strings.ToUpper(seed), sshFile, keyPath(dir, "own")} {
		key, err := FromEnv("", value, nil)
		if err != nil || key.Seed() != testSeed {
			t.Errorf("%v", err)
		}
		noSecret(t, fmt.Sprintf("%v %+v %s", key, key, key))
	}
	for _, value := range []string{"", seed[:63], seed + "0", seed[:63] + "g", "/no/" + seed, seed + "\x00", dir} {
		_, err := FromEnv("", value, nil)
		if err == nil {
			t.Error("accepted")
		}
		noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(seed[:63]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FromEnv("", filepath.Join(dir, "text"), nil); !errors.Is(err, ErrFormat) {
		t.Error(err)
	} else {
		noSecret(t, err.Error())
	}
}

func TestPublicForms(t *testing.T) {
	agent := testKey("alice").Agent()
	line, err := SSHPublic(agent)
	if err != nil {
		t.Fatal(err)
	}
	public, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || comment != "alice" || !strings.HasPrefix(line, "ssh-ed25519 ") {
		t.Fatalf("%s: %v", line, err)
	}
	crypto, ok := public.(ssh.CryptoPublicKey)
	if !ok || string(crypto.CryptoPublicKey().(ed25519.PublicKey)) != string(agent.Key[:]) {
		t.Error("another key")
	}
	agent.Hint = "a\nssh-ed25519 AAAA"
	if line, err := SSHPublic(agent); err != nil || strings.Contains(line, "\n") {
		t.Errorf("%q, %v", line, err)
	}
	agent.Hint = ""
	want := "0802" + "0301" + "0301" + "0302" + "0520" + agent.KeyHex()
	if got, err := CanonicalHex(agent); err != nil || got != want {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := Encode(testKey("hint"), Protection{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("mythos-key-1 ed25519 " + testKey("").Agent().KeyHex() + " age\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, infoErr := Inspect(data)
		key, err := Decode(data, nil)
		if err != nil {
			return
		}
		if infoErr != nil || info.Agent != key.Agent() || info.Encrypted {
			t.Fatalf("%+v, %v", info, infoErr)
		}
		again, err := Encode(key, Protection{})
		if err != nil {
			t.Fatal(err)
		}
		if key2, err := Decode(again, nil); err != nil || key2.Seed() != key.Seed() || key2.Agent() != key.Agent() {
			t.Fatal(err)
		}
	})
}

// TestLineEnds: changes of line ends by editors, mail and secret stores do not change a key or make it unreadable.
func TestLineEnds(t *testing.T) {
	const seed = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
	key, err := FromEnv("", seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Encode(key, Protection{})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"a line end": seed + "\n", "CRLF": seed + "\r\n", "spaces": "  " + seed + "\t", "a mark": "\ufeff" + seed} {
		if got, err := FromEnv("", value, nil); err != nil || !got.Agent().Same(key.Agent()) {
			t.Errorf("a value with %s: %v", name, err)
		}
	}
	windows := strings.ReplaceAll(string(file), "\n", "\r\n")
	for name, text := range map[string]string{"plain": string(file), "CRLF": windows, "a mark": "\ufeff" + windows, "no last line end": strings.TrimSuffix(string(file), "\n"),
		"digits": seed, "digits and a line end": seed + "\n", "digits and CRLF": seed + "\r\n"} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := FromEnv("", path+"\n", nil)
		if err != nil || !got.Agent().Same(key.Agent()) {
			t.Errorf("a file with %s: %v", name, err)
		}
	}
	for _, text := range []string{seed + " " + seed, seed[:63], seed + "0", strings.Replace(seed, "3b", "\n3b\n6", 1)} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FromEnv("", path, nil); err == nil || strings.Contains(err.Error(), seed[10:40]) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestDefaultWork reads the default scrypt work from a written file.
func TestDefaultWork(t *testing.T) {
	file, err := Encode(testKey(""), Protection{Passphrase: []byte("open sesame")})
	if err != nil {
		t.Fatal(err)
	}
	_, armored, _ := strings.Cut(string(file), "-----BEGIN")
	text, err := io.ReadAll(armor.NewReader(strings.NewReader("-----BEGIN" + armored)))
	if err != nil || !regexp.MustCompile(`(?m)^-> scrypt \S+ 18$`).Match(text) {
		t.Errorf("%v: %q", err, text)
	}
}

func TestFromEnvByName(t *testing.T) {
	dir := t.TempDir()
	key := testKey("")
	if err := Save(dir, "ci-1", key, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := FromEnv(dir, " ci-1\n", nil); err != nil || !got.Agent().Same(key.Agent()) {
		t.Fatalf("the key of the folder: %v", err)
	}
	if _, err := FromEnv(dir, "ci-2", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name of no key and no file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FromEnv(dir, "bad", nil); !errors.Is(err, ErrFormat) {
		t.Errorf("a key of the folder that cannot be read: %v", err)
	}
}
