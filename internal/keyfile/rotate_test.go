package keyfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

const now = object.Time(1_700_000_000_000_000)

// rotated makes a folder with the key "own", which the trust file names.
func rotated(t *testing.T) (dir, trustPath string) {
	t.Helper()
	dir = t.TempDir()
	if err := Save(dir, "own", testKey("me"), nil); err != nil {
		t.Fatal(err)
	}
	trust := &Trust{}
	if err := trust.Add(Entry{Name: "own", Key: testKey("").Agent().KeyHex(), For: []string{"tool"}, MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	trustPath = filepath.Join(dir, "trust.yaml")
	if err := trust.Save(trustPath); err != nil {
		t.Fatal(err)
	}
	return dir, trustPath
}

func TestRotate(t *testing.T) {
	dir, trustPath := rotated(t)
	r, err := Rotate(dir, trustPath, "own", nil, Protection{}, End{At: now.Add(time.Hour)})
	if err != nil || r.OldName != "own.1" || r.Until != now.Add(time.Hour) || r.Old.Same(r.New) || r.New.Hint != "me" {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, agent := range map[string]object.AgentID{"own": r.New, "own.1": r.Old} {
		if key, err := Load(dir, name, nil); err != nil || !key.Agent().Same(agent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	trust, err := LoadTrust(trustPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		agent object.AgentID
		at    object.Time
		want  bool
	}{
		{r.Old, now - 1, true}, {r.Old, now, true}, {r.Old, now.Add(time.Hour) - 1, true}, {r.Old, now.Add(time.Hour), false},
		{r.New, now - 1, true}, {r.New, now, true}, {r.New, now.Add(1000 * time.Hour), true},
	} {
		if got := trust.Trusted(c.agent, "tool", c.at); got != c.want {
			t.Errorf("%s at %s: trusted %v", c.agent, c.at, got)
		}
	}
	if age := trust.MaxAge(r.New); age != time.Hour {
		t.Errorf("max_age of the new key is %s", age)
	}
	// A second rotation uses the next name, and never lengthens an overlap.
	again, err := Rotate(dir, trustPath, "own", nil, Protection{}, End{At: now + 10})
	if err != nil || again.OldName != "own.2" || !again.Old.Same(r.New) {
		t.Fatalf("%+v, %v", again, err)
	}
	if trust, err = LoadTrust(trustPath); err != nil || trust.Trusted(r.New, "tool", now+10) || !trust.Trusted(r.Old, "tool", now+10) {
		t.Error(err)
	}
}

// TestRotateAgain interrupts a rotation after each of its steps; the next call finishes it with the same new key, and
// nothing is lost.
func TestRotateAgain(t *testing.T) {
	for _, step := range []string{"next", "kept", "trust"} {
		dir, trustPath := rotated(t)
		next, err := nextKey(dir, "own", "me", nil, Protection{})
		if err != nil {
			t.Fatal(err)
		}
		if step != "next" {
			name, err := keepOld(dir, "own")
			if err != nil {
				t.Fatal(err)
			}
			if step == "trust" {
				if _, err := rotateTrust(trustPath, "own", &Rotation{Old: testKey("").Agent(), New: next.Agent(), OldName: name}, End{At: now + 5}); err != nil {
					t.Fatal(err)
				}
			}
		}
		r, err := Rotate(dir, trustPath, "own", nil, Protection{}, End{At: now + 5})
		if err != nil || !r.New.Same(next.Agent()) || r.OldName != "own.1" || r.Until != now+5 {
			t.Fatalf("after %s: %+v, %v", step, r, err)
		}
		if keys, err := List(dir); err != nil || len(keys) != 2 {
			t.Errorf("after %s: %d keys, %v", step, len(keys), err)
		}
		if trust, err := LoadTrust(trustPath); err != nil || len(trust.Entries()) != 2 {
			t.Errorf("after %s: %v", step, err)
		}
	}
}

func TestRotateRefuses(t *testing.T) {
	dir, trustPath := rotated(t)
	if _, err := Rotate(dir, trustPath, "nobody", nil, Protection{}, End{At: now + 1}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(trustPath, []byte("agents: 5"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(dir, trustPath, "own", nil, Protection{}, End{At: now + 1}); !errors.Is(err, ErrTrust) {
		t.Error(err)
	}
	if key, err := Load(dir, "own", nil); err != nil || !key.Agent().Same(testKey("").Agent()) {
		t.Error("a rotation that failed replaced the key")
	}
}

func TestProtect(t *testing.T) {
	dir, _ := rotated(t)
	weak := Protection{Passphrase: []byte("first"), Work: 4}
	if agent, err := Protect(dir, "own", nil, weak); err != nil || !agent.Same(testKey("").Agent()) {
		t.Fatal(err)
	}
	data, err := os.ReadFile(keyPath(dir, "own"))
	if err != nil {
		t.Fatal(err)
	}
	noSecret(t, string(data))
	if enc, err := Encrypted(dir, "own"); err != nil || !enc {
		t.Error("not encrypted", err)
	}
	if _, err := Protect(dir, "own", phrase("wrong"), Protection{}); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := Protect(dir, "own", phrase("first"), Protection{Passphrase: []byte("second"), Work: 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, "own", phrase("first")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := Protect(dir, "own", phrase("second"), Protection{}); err != nil {
		t.Fatal(err)
	}
	if agent, err := Public(dir, "own"); err != nil || !agent.Same(testKey("").Agent()) {
		t.Error(err)
	}
	if _, err := Load(dir, "own", nil); err != nil {
		t.Error(err)
	}
}

func TestTrustWithout(t *testing.T) {
	trust := &Trust{}
	if err := trust.Add(Entry{Name: "a", Key: testKey("").Agent().KeyHex(), For: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	if err := trust.Without("a", "tool", End{At: now}); err != nil {
		t.Fatal(err)
	}
	for _, d := range Domains() {
		if got := trust.Trusted(testKey("").Agent(), d, now); got != (d != "tool" && d != ForAll) {
			t.Errorf("%s: trusted %v", d, got)
		}
	}
	if err := trust.Without("b", "tool", End{At: now}); !errors.Is(err, ErrUnknownName) {
		t.Error(err)
	}
	one := &Trust{}
	if err := one.Add(Entry{Name: "a", Key: testKey("").Agent().KeyHex(), For: []string{"tool"}}); err != nil {
		t.Fatal(err)
	}
	if err := one.Without("a", "tool", End{At: now}); err != nil || one.Trusted(testKey("").Agent(), "tool", now) {
		t.Error("it is still trusted", err)
	}
	if !one.Held(testKey("").Agent(), "tool", ledger.Moment{Time: now - 1}, now+1, nil) || one.Held(testKey("").Agent(), "tool", ledger.Moment{Time: now}, now+1, nil) {
		t.Error("what it issued before does not count, or what it issued after does")
	}
	if err := one.Add(Entry{Name: "b", Key: agentOf("b").KeyHex(), For: []string{"tool"}, From: 9, Until: 9}); !errors.Is(err, ErrTrust) {
		t.Error("an empty window is taken", err)
	}
}
