package keyfile

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

func agentOf(name string) object.AgentID { return sign.FromSeed(object.SumText(name).Sum, "").Agent() }

func trustText(entries ...string) string {
	text := "agents:\n"
	for _, e := range entries {
		text += "  - " + strings.ReplaceAll(e, "\n", "\n    ") + "\n"
	}
	return text
}

var ci = "name: ci\nkey: " + agentOf("ci").KeyHex() + "\nfor: [tool, eval]"

func TestTrustLookups(t *testing.T) {
	trust, err := ParseTrust([]byte(trustText(
		"name: root\nkey: "+strings.ToUpper(agentOf("root").KeyHex())+"\nfor: ['*']",
		ci+"\nuntil: 2024-01-01T00:00:00Z\nmax_age: 1h30m",
	)))
	if err != nil {
		t.Fatal(err)
	}
	before, after := object.Time(1_700_000_000_000_000), object.Time(1_800_000_000_000_000)
	for _, c := range []struct {
		agent  string
		domain string
		now    object.Time
		want   bool
	}{
		{"root", "blob", after, true}, {"root", "ledger", after, true}, {"root", "*", after, true},
		{"root", "", after, false},
		{"ci", "tool", before, true}, {"ci", "eval", before, true}, {"ci", "blob", before, false}, {"ci", "*", before, false},
		{"ci", "tool", after, false}, {"nobody", "tool", before, false},
	} {
		if got := trust.Trusted(agentOf(c.agent), c.domain, c.now); got != c.want {
			t.Errorf("%s for %q at %s: %v", c.agent, c.domain, c.now, got)
		}
	}
	issuers := trust.Issuers(before)
	for kind, want := range map[uint8]bool{scope.KindToolCall: true, scope.KindEvalRun: true, scope.KindBlobRead: false, scope.KindCellWrite: false, 0: false, 13: false} {
		if got := issuers(agentOf("ci"), kind); got != want || got != trust.TrustedIssuer(agentOf("ci"), kind, before) {
			t.Errorf("ci for kind %d: %v", kind, got)
		}
	}
	if trust.TrustedIssuer(agentOf("root"), 13, before) {
		t.Error("trusted for a kind of scope that does not exist")
	}
	if trust.MaxAge(agentOf("ci")) != 90*time.Minute || trust.MaxAge(agentOf("root")) != 0 || trust.MaxAge(agentOf("nobody")) != 0 {
		t.Error("max_age")
	}
	if n := len(trust.Agents(before)); n != 2 {
		t.Errorf("%d agents", n)
	}
	if a := trust.Agents(after); len(a) != 1 || a[0].Hint != "root" {
		t.Errorf("%v", a)
	}
	if a := trust.AgentsFor("eval", before); len(a) != 2 || a[0].Hint != "ci" {
		t.Errorf("%v", a)
	}
	e, ok := trust.ByName("ci")
	if agent, err := e.Agent(); !ok || err != nil || !agent.Same(agentOf("ci")) || agent.Hint != "ci" {
		t.Errorf("%+v", e)
	}
	odd := agentOf("root")
	odd.Scheme = 2
	if _, ok := trust.ByAgent(odd); ok {
		t.Error("an agent of another scheme is found by its key")
	}
}

func TestTrustFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trust.yaml")
	empty, err := LoadTrust(path)
	if err != nil || len(empty.Entries()) != 0 {
		t.Fatalf("%v, %v", empty, err)
	}
	trust := &Trust{}
	// A key that consists of digits must remain a text in YAML.
	digits := Entry{Name: "digits", Key: strings.Repeat("12", 32), For: []string{"*", "blob", "blob"}}
	full := Entry{Name: "1e5", Key: agentOf("x").KeyHex(), For: []string{"attest", "packet", "cell"}, Until: 1_800_000_000_123_456, MaxAge: 36 * time.Hour}
	for _, e := range []Entry{digits, full} {
		if err := trust.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := trust.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadTrust(path)
	if err != nil || !reflect.DeepEqual(again, trust) {
		data, _ := os.ReadFile(path)
		t.Fatalf("%v, %v\n%s", again, err, data)
	}
	if e := again.Entries(); !reflect.DeepEqual(e[0].For, []string{"blob", "*"}) || !reflect.DeepEqual(e[1].For, []string{"cell", "packet", "attest"}) {
		t.Errorf("%+v", e)
	}
	if err := again.Forget("digits"); err != nil || len(again.Entries()) != 1 {
		t.Error(err)
	}
	if err := again.Forget("digits"); !errors.Is(err, ErrUnknownName) {
		t.Error(err)
	}
	if err := (&Trust{}).Save(path); err != nil {
		t.Fatal(err)
	}
	if none, err := LoadTrust(path); err != nil || len(none.Entries()) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func TestTrustFileRefusals(t *testing.T) {
	other := "name: other\nkey: " + agentOf("other").KeyHex() + "\nfor: [blob]"
	for name, c := range map[string]struct{ text, want string }{
		"unknown field":     {trustText(ci, other+"\nuntill: 2024-01-01"), "line 8"},
		"unknown top":       {trustText(ci) + "trusted: []\n", "line 5"},
		"repeated field":    {trustText(ci + "\nname: ci2"), "line 5"},
		"unknown domain":    {trustText(ci, strings.Replace(other, "blob", "blobs", 1)), "line 5"},
		"no domain":         {trustText(strings.Replace(ci, "\nfor: [tool, eval]", "", 1)), "line 2"},
		"no key":            {trustText("name: x\nfor: [blob]"), "line 2"},
		"short key":         {trustText(strings.Replace(ci, "key: ", "key: 0", 1)), "line 2"},
		"same name":         {trustText(ci, strings.Replace(other, "other", "ci", 1)), "line 5"},
		"same key":          {trustText(ci, strings.Replace(ci, "name: ci", "name: cj", 1)), "line 5"},
		"no name":           {trustText(strings.Replace(ci, "name: ci", "name: ''", 1)), "line 2"},
		"odd name":          {trustText(strings.Replace(ci, "name: ci", "name: 'a b'", 1)), "line 2"},
		"bad until":         {trustText(ci + "\nuntil: tomorrow"), "line 2"},
		"bad max_age":       {trustText(ci + "\nmax_age: 5"), "line 2"},
		"zero max_age":      {trustText(ci + "\nmax_age: 0s"), "line 2"},
		"no end given":      {trustText(ci + "\nuntil:"), "until has no value"},
		"no age given":      {trustText(ci + "\nmax_age: ~"), "max_age has no value"},
		"alias":             {trustText(strings.Replace(ci, "for: ", "for: &a ", 1)), "anchors"},
		"a list on top":     {"- name: ci\n", "line 1"},
		"two documents":     {trustText(ci) + "---\n" + trustText(other), "document"},
		"not YAML":          {"agents: [", "trust"},
		"a domain, no list": {trustText(strings.Replace(ci, "[tool, eval]", "tool", 1)), "line 4"},
		"too large":         {"#" + strings.Repeat("x", maxTrustFile), "larger"},
	} {
		trust, err := ParseTrust([]byte(c.text))
		if !errors.Is(err, ErrTrust) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if trust != nil {
			t.Errorf("%s: trust beside an error", name)
		}
	}
	path := filepath.Join(t.TempDir(), "trust.yaml")
	if err := os.WriteFile(path, []byte(trustText("name: x")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadTrust(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file is named: %v", err)
	}
}

// TestTrustDrivesVerifier: separate issuers by domain.
func TestTrustDrivesVerifier(t *testing.T) {
	now := object.Time(1_700_000_000_000_000)
	trust, err := ParseTrust([]byte(trustText(ci + "\nmax_age: 1h")))
	if err != nil {
		t.Fatal(err)
	}
	signer := sign.FromSeed(object.SumText("ci").Sum, "ci")
	list, _, err := caps.Revoke(signer, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	v := &caps.Verifier{Trusted: trust.Issuers(now), MaxAge: trust.MaxAge,
		Revoked: func(object.AgentID) (*caps.RevocationList, error) { return list, nil }}
	for text, check := range map[string]string{
		"eval.run:" + strings.Repeat("ab", 32): "", "train.run:" + strings.Repeat("ab", 32): caps.CheckTrust,
	} {
		scope, err := scope.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := caps.Issue(signer, caps.Draft{Subject: agentOf("bob"), Scope: scope, NotBefore: now, ExpiresAt: now.Add(9 * time.Hour), Revocable: true})
		if err != nil {
			t.Fatal(err)
		}
		var d *caps.DeniedError
		err = v.Verify(caps.Chain{l}, agentOf("bob"), now)
		if (err == nil) != (check == "") || check != "" && (!errors.As(err, &d) || d.Check != check) {
			t.Errorf("%s: %v", text, err)
		}
		if err := v.Verify(caps.Chain{l}, agentOf("bob"), now.Add(2*time.Hour)); err == nil {
			t.Errorf("%s: a stale list is taken", text)
		}
	}
}
