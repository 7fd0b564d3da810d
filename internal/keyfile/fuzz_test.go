package keyfile

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/mythos-project/mythos/object/sign"
)

// FuzzParseTrust: a trust file that is read, saved and read again trusts the same agents for the same domains, and no
// input panics.
func FuzzParseTrust(f *testing.F) {
	key := sign.FromSeed([32]byte{1}, "").Agent().KeyHex()
	f.Add([]byte("agents:\n  - name: a\n    key: " + key + "\n    for: [issuers, packets]\n    until: 2030-01-01T00:00:00Z\n    max_age: 1h\n"))
	f.Add([]byte("agents:\n  - name: a\n    key: " + key + "\n    for: []\n    past:\n      - for: [ledger]\n        ended: 2026-01-01T00:00:00Z\n        entries: 7\n"))
	f.Add([]byte("agents: [*a]\n"))
	f.Add([]byte("agents:\n"))
	path := filepath.Join(f.TempDir(), "trust.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		trust, err := ParseTrust(data)
		if err != nil {
			return
		}
		if err := trust.Save(path); err != nil {
			t.Fatal(err)
		}
		again, err := LoadTrust(path)
		if err != nil {
			saved, _ := os.ReadFile(path)
			t.Fatalf("%v\n%s", err, saved)
		}
		if !reflect.DeepEqual(trust.Entries(), again.Entries()) {
			t.Fatalf("%+v became %+v", trust.Entries(), again.Entries())
		}
	})
}

// FuzzImportSSH: an accepted SSH key has a matching public half.
func FuzzImportSSH(f *testing.F) {
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ImportSSH(data, nil, "")
		if err != nil {
			return
		}
		sig, err := key.Sign([]byte("x"))
		if err != nil || sign.Verify(key.Agent(), []byte("x"), sig) != nil {
			t.Fatal("a key that does not fit its own signatures")
		}
	})
}
