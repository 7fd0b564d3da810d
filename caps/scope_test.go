package caps

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

var hexA = strings.Repeat("ab", 32)

// allScopes are in the form that String writes.
var allScopes = []string{
	"blob.read:" + hexA,
	"blob.read:" + hexA + "@10",
	"blob.read:" + hexA + "@+5",
	"blob.read:" + hexA + "@10+5",
	"blob.write:team/data,max=10MiB,media=*/*",
	`blob.write:a\,b\\c,max=none,media=text/plain|x\|y|image/*`,
	"blob.write:,max=0,nomedia",
	"blob.pin:" + hexA + ",ttl=30d",
	"blob.pin:" + hexA + ",ttl=ever",
	"blob.pin:" + hexA + ",ttl=1h30m5us",
	"blob.delete:" + hexA,
	"tool.call:" + hexA,
	"tool.call:" + hexA + ",calls=5",
	"tool.call:" + hexA + ",calls=0,noconstraints",
	`tool.call:` + hexA + `,calls=5,eq:/a\=b=x=1\,2,in:/c=p|q,max:/n=-5,min:/n=-7,prefix:/path=/data/\\`,
	"train.run:" + hexA,
	"train.run:" + hexA + ",jobs=2,tokens=1000,gpu_ms=7",
	"train.run:" + hexA + ",gpu_ms=none",
	"eval.run:" + hexA + ",runs=3",
	"deploy.promote:2,policy=" + hexA,
	"compute.spawn:" + hexA + ",workers=4,cpu=1m,io=9",
	"compute.spawn:" + hexA,
	"cell.read:" + hexA,
	"cell.read:" + hexA + ",prefix=",
	`cell.read:` + hexA + `,prefix=user\,1`,
	"cell.read:" + hexA + ",prefix=hex:00ff",
	"cell.write:" + hexA + ",events=4,types=1|9",
	"cell.write:" + hexA + ",notypes",
	"tools.call:" + hexA,
	"tool.call:" + hexA + ",calls=5,cost=0,rate=1/1m",
	"tool.call:" + hexA + ",cost=none",
	"tools.call:" + hexA + ",cost=18446744073709551614",
	"tools.call:" + hexA + "|cd" + hexA[2:] + ",calls=3",
}

func TestScopeTextRoundTrip(t *testing.T) {
	for _, text := range allScopes {
		s, err := scope.Parse(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.String(); got != text {
			t.Errorf("%s prints as %s", text, got)
		}
		if s.Words() == "" || strings.Contains(s.Words(), "nothing that is known") {
			t.Errorf("%s in words: %q", text, s.Words())
		}
	}
}

func TestScopeTextForms(t *testing.T) {
	same := [][2]string{
		{"blob.read:sha256:" + hexA + "@1KiB+2K", "blob.read:" + hexA + "@1024+2048"},
		{"blob.write:n,max=10MB", "blob.write:n,max=10000000,media=*/*"},
		{"blob.write:n,media=text/plain,max=1G", "blob.write:n,max=1GiB,media=text/plain"},
		{"blob.pin:" + hexA + ",ttl=90m", "blob.pin:" + hexA + ",ttl=1h30m"},
		{"train.run:" + hexA + ",gpu=2s", "train.run:" + hexA + ",gpu_ms=2000"},
	}
	for _, pair := range same {
		if got := parse(t, pair[0]).String(); !sameScopeText(got, pair[1]) {
			t.Errorf("%s prints as %s, want %s", pair[0], got, pair[1])
		}
	}
	named := parse(t, "tool.call:echo")
	if want := scopeOf(t, &scope.ToolCall{ToolID: object.SumText("tool:echo"), MaxCalls: scope.NoLimit32}); string(named.Payload) != string(want.Payload) {
		t.Error("a tool's name is not resolved")
	}
	ref := parse(t, "blob.read:@data@2+3")
	if d, _ := ref.Decode(); d.(*scope.BlobRead).CID != object.SumText("blob:@data") || *d.(*scope.BlobRead).RangeLen != 3 {
		t.Errorf("a ref with a range: %+v", d)
	}
}

// sameScopeText compares text forms in which sizes may be written in two ways.
func sameScopeText(a, b string) bool {
	x, errX := scope.Parse(a, nil)
	y, errY := scope.Parse(b, nil)
	return errX == nil && errY == nil && x.Kind == y.Kind && string(x.Payload) == string(y.Payload)
}

func TestScopeTextRefusals(t *testing.T) {
	for _, text := range []string{
		"", "tool.call", "tool.call:", "tool.call:echo", "tool.fly:" + hexA, "blob.read:" + hexA[1:],
		"tool.call:" + hexA + ",calls=5,calls=6", "tool.call:" + hexA + ",calls=4294967296", "tool.call:" + hexA + ",calls",
		"tool.call:" + hexA + ",calls=-1", "tool.call:" + hexA + ",gt:/a=1", "tool.call:" + hexA + ",eq:a=1",
		"tool.call:" + hexA + ",eq:/a~2=1", "tool.call:" + hexA + ",max:/a=1.5", "tool.call:" + hexA + ",max:/a=01",
		"tool.call:" + hexA + ",runs=1", "tool.call:" + hexA + ",cost=-1", "tools.call:" + hexA + ",cost=1.5", "tool.call:" + hexA + ",cost", `tool.call:` + hexA + `,eq:/a=\x`, "tool.call:" + hexA + ",", "tool.call:" + hexA + ",eq:/a",
		"blob.write:n", "blob.write:n,max=10Q", "blob.write:n,max=16777216TiB", "blob.write:n,max=1.5MiB",
		"blob.pin:" + hexA, "blob.pin:" + hexA + ",ttl=5", "blob.pin:" + hexA + ",ttl=", "blob.pin:" + hexA + ",ttl=213503983d",
		"deploy.promote:256,policy=" + hexA, "deploy.promote:1", "deploy.promote:x,policy=" + hexA,
		"train.run:" + hexA + ",gpu=1us", "cell.read:" + hexA + ",prefix=hex:0", "cell.write:" + hexA + ",types=", "cell.write:" + hexA + ",types=x",
		"blob.read:" + hexA + "@5x", "eval.run:" + hexA + ",runs=" + strings.Repeat("1", 1<<17),
	} {
		if s, err := scope.Parse(text, nil); err == nil {
			t.Errorf("%.80q was read as %s", text, s)
		}
	}
	failing := func(string, string) (object.Hash, error) { return object.Hash{}, errors.New("no such thing") }
	if _, err := scope.Parse("tool.call:echo", failing); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("the resolver's error is lost: %v", err)
	}
}

func TestScopeWithin(t *testing.T) {
	h, other := hexA, strings.Repeat("cd", 32)
	const yes, no = true, false
	for _, c := range []struct {
		child, parent string
		want          bool
	}{
		{"blob.read:" + h, "blob.read:" + h, yes},
		{"blob.read:" + other, "blob.read:" + h, no},
		{"blob.read:" + h + "@5+5", "blob.read:" + h, yes},
		{"blob.read:" + h, "blob.read:" + h + "@0", yes},
		{"blob.read:" + h, "blob.read:" + h + "@1", no},
		{"blob.read:" + h + "@5+5", "blob.read:" + h + "@5+5", yes},
		{"blob.read:" + h + "@5+6", "blob.read:" + h + "@5+5", no},
		{"blob.read:" + h + "@4+5", "blob.read:" + h + "@5+5", no},
		{"blob.read:" + h + "@6", "blob.read:" + h + "@5+5", no},
		{"blob.read:" + h + "@18446744073709551615+5", "blob.read:" + h + "@5+5", no},
		{"blob.pin:" + h + ",ttl=1h", "blob.pin:" + h + ",ttl=1h", yes},
		{"blob.pin:" + h + ",ttl=61m", "blob.pin:" + h + ",ttl=1h", no},
		{"blob.pin:" + h + ",ttl=ever", "blob.pin:" + h + ",ttl=1h", no},
		{"blob.pin:" + other + ",ttl=1h", "blob.pin:" + h + ",ttl=1h", no},
		{"blob.delete:" + h, "blob.delete:" + h, yes},
		{"blob.delete:" + other, "blob.delete:" + h, no},
		{"blob.delete:" + h, "blob.read:" + h, no},
		{"blob.write:n,max=1,media=text/plain", "blob.write:n,max=1,media=text/*", yes},
		{"blob.write:n,max=1,media=text/*", "blob.write:n,max=1,media=*/*", yes},
		{"blob.write:n,max=1,media=*/*", "blob.write:n,max=1,media=text/*", no},
		{"blob.write:n,max=1,media=text/*", "blob.write:n,max=1,media=text/plain", no},
		{"blob.write:n,max=1,media=texts/x", "blob.write:n,max=1,media=text/*", no},
		{"blob.write:n,max=1,nomedia", "blob.write:n,max=1,media=text/*", yes},
		{"blob.write:n,max=1,media=a/b", "blob.write:n,max=1,nomedia", no},
		{"blob.write:n,max=2", "blob.write:n,max=1", no},
		{"blob.write:n,max=none", "blob.write:n,max=1", no},
		{"blob.write:n,max=1", "blob.write:n,max=none", yes},
		{"blob.write:n/m,max=1", "blob.write:n,max=1", no},
		{"tool.call:" + h + ",calls=4", "tool.call:" + h + ",calls=5", yes},
		{"tool.call:" + h, "tool.call:" + h + ",calls=5", no},
		{"tool.call:" + h + ",calls=6", "tool.call:" + h + ",calls=5", no},
		{"tool.call:" + other, "tool.call:" + h, no},
		{"tool.call:" + h + ",eq:/a=1", "tool.call:" + h, yes},
		{"tool.call:" + h, "tool.call:" + h + ",eq:/a=1", no},
		{"tool.call:" + h + ",eq:/a=2", "tool.call:" + h + ",eq:/a=1", no},
		{"tool.call:" + h + ",eq:/b=1", "tool.call:" + h + ",eq:/a=1", no},
		{"tool.call:" + h + ",max:/a=-6,min:/a=-9", "tool.call:" + h + ",max:/a=-5,min:/a=-9", yes},
		{"tool.call:" + h + ",max:/a=-4,min:/a=-9", "tool.call:" + h + ",max:/a=-5,min:/a=-9", no},
		{"tool.call:" + h + ",max:/a=5,min:/a=-1", "tool.call:" + h + ",max:/a=5", no},
		{"tool.call:" + h + ",max:/a=100", "tool.call:" + h + ",max:/a=99", no},
		{"tool.call:" + h + ",in:/a=x", "tool.call:" + h + ",in:/a=x|y", yes},
		{"tool.call:" + h + ",in:/a=x|z", "tool.call:" + h + ",in:/a=x|y", no},
		{"tool.call:" + h + ",in:/a=", "tool.call:" + h + ",in:/a=x|y", no},
		{"tool.call:" + h + ",prefix:/a=/d/e", "tool.call:" + h + ",prefix:/a=/d/", yes},
		{"tool.call:" + h + ",prefix:/a=/d", "tool.call:" + h + ",prefix:/a=/d/", no},
		{"tool.call:" + h + ",eq:/a=/d/e", "tool.call:" + h + ",prefix:/a=/d/", no},
		{"train.run:" + h + ",jobs=1,tokens=5,gpu_ms=6", "train.run:" + h + ",jobs=1,tokens=5,gpu_ms=6", yes},
		{"train.run:" + h + ",jobs=1,tokens=5", "train.run:" + h + ",jobs=1,tokens=5,gpu_ms=6", no},
		{"train.run:" + h + ",jobs=1,tokens=5,gpu_ms=none", "train.run:" + h + ",jobs=1,tokens=5,gpu_ms=6", no},
		{"train.run:" + h + ",jobs=1,tokens=6", "train.run:" + h + ",jobs=1,tokens=5", no},
		{"train.run:" + h + ",jobs=2,tokens=5", "train.run:" + h + ",jobs=1,tokens=5", no},
		{"train.run:" + other, "train.run:" + h, no},
		{"eval.run:" + h + ",runs=1", "eval.run:" + h + ",runs=2", yes},
		{"eval.run:" + h + ",runs=3", "eval.run:" + h + ",runs=2", no},
		{"eval.run:" + other, "eval.run:" + h, no},
		{"deploy.promote:1,policy=" + h, "deploy.promote:1,policy=" + h, yes},
		{"deploy.promote:0,policy=" + h, "deploy.promote:1,policy=" + h, no},
		{"deploy.promote:1,policy=" + other, "deploy.promote:1,policy=" + h, no},
		{"compute.spawn:" + h + ",workers=1,cpu=1s,io=1", "compute.spawn:" + h + ",workers=2,cpu=2s,io=2", yes},
		{"compute.spawn:" + h + ",workers=3,cpu=1s,io=1", "compute.spawn:" + h + ",workers=2,cpu=2s,io=2", no},
		{"compute.spawn:" + h + ",workers=1,cpu=3s,io=1", "compute.spawn:" + h + ",workers=2,cpu=2s,io=2", no},
		{"compute.spawn:" + h + ",workers=1,cpu=1s,io=3", "compute.spawn:" + h + ",workers=2,cpu=2s,io=2", no},
		{"compute.spawn:" + other, "compute.spawn:" + h, no},
		{"cell.read:" + h + ",prefix=ab", "cell.read:" + h + ",prefix=a", yes},
		{"cell.read:" + h, "cell.read:" + h + ",prefix=", yes},
		{"cell.read:" + h, "cell.read:" + h + ",prefix=a", no},
		{"cell.read:" + h + ",prefix=b", "cell.read:" + h + ",prefix=a", no},
		{"cell.read:" + other, "cell.read:" + h, no},
		{"cell.write:" + h + ",types=1", "cell.write:" + h + ",types=1|2", yes},
		{"cell.write:" + h + ",types=3", "cell.write:" + h + ",types=1|2", no},
		{"cell.write:" + h, "cell.write:" + h + ",types=1|2", no},
		{"cell.write:" + h + ",notypes", "cell.write:" + h + ",types=1|2", yes},
		{"cell.write:" + h + ",types=1", "cell.write:" + h + ",notypes", no},
		{"cell.write:" + h + ",events=3", "cell.write:" + h + ",events=2", no},
		{"cell.write:" + other, "cell.write:" + h, no},
		{"tools.call:" + h, "tools.call:" + h + "|" + other, yes},
		{"tools.call:" + h + "|" + other, "tools.call:" + h, no},
		{"tools.call:" + h + ",calls=3", "tools.call:" + h + ",calls=2", no},
		{"tools.call:" + h, "tools.call:" + h + ",calls=2", no},
		{"tool.call:" + h + ",calls=2,eq:/a=1", "tools.call:" + h + "|" + other + ",calls=2", yes},
		{"tool.call:" + h + ",calls=3", "tools.call:" + h + ",calls=2", no},
		{"tool.call:" + other, "tools.call:" + h, no},
		{"tools.call:" + h, "tool.call:" + h, no},
	} {
		if err := parse(t, c.child).Within(parse(t, c.parent)); (err == nil) != c.want {
			t.Errorf("%s within %s: %v", c.child, c.parent, err)
		}
	}
}

func TestScopeCovers(t *testing.T) {
	h := parseHash(t, hexA)
	other := object.SumText("other")
	const yes, no = true, false
	for _, c := range []struct {
		scope string
		use   scope.Use
		want  bool
	}{
		{"blob.read:" + hexA, scope.Use{Kind: scope.KindBlobRead, CID: h}, yes},
		{"blob.read:" + hexA, scope.Use{Kind: scope.KindBlobRead, CID: other}, no},
		{"blob.read:" + hexA + "@10+10", scope.Use{Kind: scope.KindBlobRead, CID: h}, no},
		{"blob.read:" + hexA + "@10+10", scope.Use{Kind: scope.KindBlobRead, CID: h, Offset: 10}, no},
		{"blob.read:" + hexA + "@10+10", scope.Use{Kind: scope.KindBlobRead, CID: h, Offset: 10, Length: 10}, yes},
		{"blob.read:" + hexA + "@10+10", scope.Use{Kind: scope.KindBlobRead, CID: h, Offset: 11, Length: 10}, no},
		{"blob.read:" + hexA + "@10+10", scope.Use{Kind: scope.KindBlobRead, CID: h, Offset: 11, Length: scope.NoLimit64}, no},
		{"blob.read:" + hexA + "@10+10", scope.Use{Kind: scope.KindBlobPin, CID: h}, no},
		{"blob.write:n,max=5,media=a/b", scope.Use{Kind: scope.KindBlobWrite, Namespace: "n", Size: 5, Media: "a/b"}, yes},
		{"blob.write:n,max=5,media=a/b", scope.Use{Kind: scope.KindBlobWrite, Namespace: "n", Size: 6, Media: "a/b"}, no},
		{"blob.write:n,max=5,media=a/b", scope.Use{Kind: scope.KindBlobWrite, Namespace: "m", Size: 5, Media: "a/b"}, no},
		{"blob.write:n,max=5,media=a/b", scope.Use{Kind: scope.KindBlobWrite, Namespace: "n", Size: 5, Media: "a/c"}, no},
		{"blob.write:n,max=5,media=a/*", scope.Use{Kind: scope.KindBlobWrite, Namespace: "n", Size: 5, Media: "a/c"}, yes},
		{"blob.write:n,max=5", scope.Use{Kind: scope.KindBlobWrite, Namespace: "n", Size: 5}, yes},
		{"blob.pin:" + hexA + ",ttl=1h", scope.Use{Kind: scope.KindBlobPin, CID: h, TTL: time.Hour}, yes},
		{"blob.pin:" + hexA + ",ttl=1h", scope.Use{Kind: scope.KindBlobPin, CID: h, TTL: time.Hour + 1}, no},
		{"blob.pin:" + hexA + ",ttl=1h", scope.Use{Kind: scope.KindBlobPin, CID: h}, no},
		{"blob.pin:" + hexA + ",ttl=ever", scope.Use{Kind: scope.KindBlobPin, CID: h}, yes},
		{"blob.delete:" + hexA, scope.Use{Kind: scope.KindBlobDelete, CID: h}, yes},
		{"blob.delete:" + hexA, scope.Use{Kind: scope.KindBlobDelete}, no},
		{"tool.call:" + hexA, scope.Use{Kind: scope.KindToolCall, Tool: h, Request: []byte("not json")}, yes},
		{"tool.call:" + hexA, scope.Use{Kind: scope.KindToolCall, Tool: other}, no},
		{"tool.call:" + hexA + ",calls=0", scope.Use{Kind: scope.KindToolCall, Tool: h}, no},
		{"tool.call:" + hexA + ",eq:/a=1", scope.Use{Kind: scope.KindToolCall, Tool: h, Request: []byte(`{"a":1}`)}, yes},
		{"tool.call:" + hexA + ",eq:/a=1", scope.Use{Kind: scope.KindToolCall, Tool: h, Request: []byte("not json")}, no},
		{"train.run:" + hexA + ",jobs=1,tokens=9", scope.Use{Kind: scope.KindTrainRun, Recipe: h, Tokens: 9}, yes},
		{"train.run:" + hexA + ",jobs=1,tokens=9", scope.Use{Kind: scope.KindTrainRun, Recipe: h, Tokens: 10}, no},
		{"train.run:" + hexA + ",jobs=1,tokens=9", scope.Use{Kind: scope.KindTrainRun, Recipe: h, Jobs: 2}, no},
		{"train.run:" + hexA + ",jobs=0,tokens=9", scope.Use{Kind: scope.KindTrainRun, Recipe: h}, no},
		{"train.run:" + hexA, scope.Use{Kind: scope.KindTrainRun, Recipe: other}, no},
		{"eval.run:" + hexA + ",runs=1", scope.Use{Kind: scope.KindEvalRun, Suite: h, Runs: 1}, yes},
		{"eval.run:" + hexA + ",runs=1", scope.Use{Kind: scope.KindEvalRun, Suite: h, Runs: 2}, no},
		{"eval.run:" + hexA, scope.Use{Kind: scope.KindEvalRun, Suite: other}, no},
		{"deploy.promote:1,policy=" + hexA, scope.Use{Kind: scope.KindDeployPromote, Ring: 1, Policy: h}, yes},
		{"deploy.promote:1,policy=" + hexA, scope.Use{Kind: scope.KindDeployPromote, Ring: 2, Policy: h}, no},
		{"deploy.promote:1,policy=" + hexA, scope.Use{Kind: scope.KindDeployPromote, Ring: 1, Policy: other}, no},
		{"compute.spawn:" + hexA + ",workers=1,cpu=1s,io=1", scope.Use{Kind: scope.KindComputeSpawn, Pool: h, CPUus: 1e6, IO: 1}, yes},
		{"compute.spawn:" + hexA + ",workers=1,cpu=1s,io=1", scope.Use{Kind: scope.KindComputeSpawn, Pool: h, CPUus: 1e6 + 1, IO: 1}, no},
		{"compute.spawn:" + hexA + ",workers=1,cpu=1s,io=1", scope.Use{Kind: scope.KindComputeSpawn, Pool: other}, no},
		{"cell.read:" + hexA + ",prefix=a", scope.Use{Kind: scope.KindCellRead, Cell: h, Key: []byte("ab")}, yes},
		{"cell.read:" + hexA + ",prefix=a", scope.Use{Kind: scope.KindCellRead, Cell: h}, no},
		{"cell.read:" + hexA, scope.Use{Kind: scope.KindCellRead, Cell: other}, no},
		{"cell.write:" + hexA + ",events=2,types=1", scope.Use{Kind: scope.KindCellWrite, Cell: h, EventTypes: []uint32{1, 1}}, yes},
		{"cell.write:" + hexA + ",events=2,types=1", scope.Use{Kind: scope.KindCellWrite, Cell: h, EventTypes: []uint32{1, 1, 1}}, no},
		{"cell.write:" + hexA + ",events=2,types=1", scope.Use{Kind: scope.KindCellWrite, Cell: h, EventTypes: []uint32{1, 2}}, no},
		{"cell.write:" + hexA + ",events=2,types=1", scope.Use{Kind: scope.KindCellWrite, Cell: h, Events: 1}, no},
		{"cell.write:" + hexA, scope.Use{Kind: scope.KindCellWrite, Cell: other, Events: 1}, no},
		{"tools.call:" + hexA + ",calls=1", scope.Use{Kind: scope.KindToolCall, Tool: h}, yes},
		{"tools.call:" + hexA + ",calls=0", scope.Use{Kind: scope.KindToolCall, Tool: h}, no},
		{"tools.call:" + hexA, scope.Use{Kind: scope.KindToolCall, Tool: other}, no},
		{"tools.call:" + hexA, scope.Use{Kind: scope.KindTrainRun, Recipe: h}, no},
	} {
		chain := rootCap(t, c.scope)
		err := verifier().Authorize(chain, alice.Agent(), c.use, t0)
		if (err == nil) != c.want {
			t.Errorf("%s for %+v: %v", c.scope, c.use, err)
		}
		if err != nil {
			wantDenied(t, err, CheckScope, 0)
		}
	}
}

func parseHash(t testing.TB, s string) object.Hash {
	t.Helper()
	h, err := object.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestScopeBytes pins the field numbers of one scope.
func TestScopeBytes(t *testing.T) {
	s := scopeOf(t, &scope.EvalRun{SuiteID: parseHash(t, hexA), MaxRuns: 300})
	want := "0802" + "0301" + "0802" + "03010301" + "03020520" + hexA + "0302" + "03ac02"
	if got := hex.EncodeToString(s.Payload); got != want || s.Kind != 7 {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestScopePayloadIsStrict(t *testing.T) {
	good := parse(t, "eval.run:"+hexA)
	for name, s := range map[string]scope.CapScope{
		"kind 0":         {Kind: 0, Payload: good.Payload},
		"kind 13":        {Kind: 13, Payload: good.Payload},
		"another kind":   {Kind: scope.KindDeployPromote, Payload: good.Payload},
		"empty":          {Kind: scope.KindEvalRun},
		"trailing bytes": {Kind: scope.KindEvalRun, Payload: append(append([]byte{}, good.Payload...), 0)},
		"zero hash":      {Kind: scope.KindEvalRun, Payload: mustMarshal(t, &scope.EvalRun{})},
	} {
		if err := s.Check(); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := Issue(owner, Draft{Subject: alice.Agent(), Scope: s, NotBefore: t0, ExpiresAt: hours(1)}); err == nil {
			t.Errorf("%s is issued", name)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := can.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
