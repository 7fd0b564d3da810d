package caps

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

func TestTextForm(t *testing.T) {
	chain := threeLinks(t, false)
	text, err := ExportText(chain)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "mythos1cap") || strings.ContainsAny(text, " \n=+/") {
		t.Errorf("not one word: %s", text)
	}
	wrapped := "  " + text[:50] + "\n\t" + text[50:] + "\r\n"
	for _, form := range []string{text, wrapped} {
		got, err := Import([]byte(form))
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier().Verify(got, carol.Agent(), t0); err != nil {
			t.Error(err)
		}
	}
	for i := range text {
		for _, c := range []byte("Aa0-") {
			if text[i] == c {
				continue
			}
			bad := text[:i] + string(c) + text[i+1:]
			if _, err := ImportText(bad); !errors.Is(err, ErrText) {
				t.Fatalf("character %d changed to %c: %v", i, c, err)
			}
		}
		if _, err := ImportText(text[:i]); !errors.Is(err, ErrText) {
			t.Fatalf("cut off after %d characters: %v", i, err)
		}
	}
	if _, err := ImportText(text + "A"); !errors.Is(err, ErrText) {
		t.Error(err)
	}
}

func TestFileForm(t *testing.T) {
	chain := threeLinks(t, false)
	file, err := ExportFile(chain)
	if err != nil {
		t.Fatal(err)
	}
	if err := can.Validate(file); err != nil {
		t.Error(err)
	}
	got, err := Import(file)
	if err != nil || len(got) != 3 || got[0].ID != chain[0].ID {
		t.Fatalf("%v, %v", got, err)
	}
	if single, err := Import(chain[2].Raw); err != nil || len(single) != 1 {
		t.Errorf("a single root: %v", err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "empty list": {7, 0}, "a leaf alone": chain[0].Raw, "cut": file[:len(file)-1], "longer": append(file, 0),
		"huge": make([]byte, maxFile+1),
	} {
		if _, err := Import(data); err == nil {
			t.Error(name, "is accepted")
		}
	}
	wrong, err := can.ListOf([][]byte{chain[1].Raw, chain[0].Raw, chain[2].Raw})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(wrong); !errors.Is(err, ErrDenied) {
		t.Errorf("links in disorder: %v", err)
	}
	if _, err := ExportFile(chain[:2]); err == nil {
		t.Error("a chain without its root is exported")
	}
}

func TestExplain(t *testing.T) {
	chain := extend(t, alice, rootCap(t, "tool.call:"+hexA+",calls=9"), Draft{
		Subject: object.AgentID{Scheme: 1, Key: bob.Agent().Key, Hint: "b\x1b[31mb"},
		Scope:   parse(t, "tool.call:"+hexA+",calls=5,prefix:/path=/data/,max:/n=3"), ExpiresAt: hours(2), Revocable: true,
	})
	text := Explain(chain, hours(1))
	for _, want := range []string{
		`may call tool abababababab, at most 5 calls in all`, `beginning with "/data/" at "/path"`, `0 to 3 at "/n"`,
		"Until 2023-11-15T00:13:20.000000Z, for another 1h.", "It may not be handed on.", "revocation list of alice",
		"issued by owner", "handed on by alice",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("an escape sequence reaches the terminal")
	}
	for now, want := range map[object.Time]string{
		hours(3):                    "It expired at 2023-11-15T00:13:20.000000Z, 1h ago.",
		t0.Add(-90 * time.Second):   "From 2023-11-14T22:13:20.000000Z (in 1m30s) until",
		hours(2) - 1:                "for another 1us.",
		hours(2).Add(time.Hour * 9): "9h ago",
	} {
		if got := Explain(chain, now); !strings.Contains(got, want) {
			t.Errorf("at %s: no %q in\n%s", now, want, got)
		}
	}
	if got := Explain(nil, t0); !strings.Contains(got, "nothing") {
		t.Error(got)
	}
	if got := Explain(rootCap(t, "eval.run:"+hexA), t0); !strings.Contains(got, "Alice") && !strings.Contains(got, "alice (") {
		t.Error(got)
	}
}
