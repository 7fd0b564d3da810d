package caps

import (
	"bytes"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// FuzzImportText: a chain that was read from text or from a file is written as the same file.
func FuzzImportText(f *testing.F) {
	chain := extend(f, alice, rootCap(f, "eval.run:"+hexA), Draft{Subject: bob.Agent(), Revocable: true})
	text, err := ExportText(chain)
	if err != nil {
		f.Fatal(err)
	}
	file, err := ExportFile(chain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, file)
	f.Add(text, chain[len(chain)-1].Raw)
	f.Fuzz(func(t *testing.T, text string, file []byte) {
		if c, err := ImportText(text); err == nil {
			if _, err := ExportText(c); err != nil {
				t.Fatal(err)
			}
		}
		c, err := ImportFile(file)
		if err != nil {
			return
		}
		if len(file) > 0 && file[0] == can.TagMap { // a single root is written as a list of one
			if file, err = can.ListOf([][]byte{file}); err != nil {
				t.Fatal(err)
			}
		}
		if again, err := ExportFile(c); err != nil || !bytes.Equal(again, file) {
			t.Fatalf("another file: %v", err)
		}
	})
}

// FuzzParsePolicyRules: rules that parse pass their own checks; no input panics.
func FuzzParsePolicyRules(f *testing.F) {
	f.Add([]byte("rules:\n  - name: ci\n    to: [ci]\n    scope: tool.call\n    ttl: 1h\n    limits: {calls: 100}\n    delegable: true\n"))
	f.Add([]byte("rules:\n  - {name: a, scope: \"*\", ttl: 1h}\n  - {name: a, scope: tool.call, ttl: 1h}\n"))
	f.Add([]byte("rules: [{name: a, scope: tool.call, ttl: 1h, limits: {calls: 1.5}}]\n"))
	f.Add([]byte("rules:\n"))
	names := Names{
		Agent: func(string) (object.AgentID, error) { return bob.Agent(), nil },
		Thing: func(kind, name string) (object.Hash, error) { return object.SumText(kind + name), nil },
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := ParsePolicyRules(data, names)
		if err != nil {
			return
		}
		for _, r := range rules {
			if err := r.check(); err != nil || r.Words() == "" {
				t.Fatalf("%+v: %v", r, err)
			}
		}
	})
}

// FuzzUnits: sizes and durations are written as they were read.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"1h30m", "1d", "0s", "16MiB", "1KiB2", "18446744073709551615", "1.5h", "-1s", "1H"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := units.ParseDuration(text); err == nil {
			if d < 0 || d%time.Microsecond != 0 {
				t.Fatalf("%q is %d", text, d)
			}
			if again, err := units.ParseDuration(units.FormatDuration(d)); err != nil || again != d {
				t.Fatalf("%q is written %q: %v", text, units.FormatDuration(d), err)
			}
		}
		_, _ = units.ParseSize(text)
	})
}

// FuzzSignedLists: an accepted revocation list or issuance policy is signed and has the id of its bytes.
func FuzzSignedLists(f *testing.F) {
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if l, id, err := OpenRevocationList(raw); err == nil {
			t.Fatalf("a forged list %s of %s", id, l.Issuer)
		}
		if p, err := OpenIssuancePolicy(raw); err == nil {
			t.Fatalf("a forged policy %+v", p)
		}
	})
}
