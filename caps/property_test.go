package caps

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// The property: if a chain verifies, whatever it is made of, then each of its links alone allows everything that the
// chain allows, as judged by the reference below. The reference knows nothing of subsets: it judges one use at a time,
// over small domains that are tried exhaustively.

var (
	agents = []*sign.Key{owner, alice, bob, carol}
	things = []object.Hash{object.SumText("x"), object.SumText("y")}
	times  = []object.Time{t0 - 1, t0, hours(1) - 1, hours(1), hours(2) - 1, hours(2), hours(3)}
)

// refAllows is the reference: may one use happen under this scope alone?
func refAllows(s scope.Scope, u scope.Use) bool {
	switch s := s.(type) {
	case *scope.BlobRead:
		size, from, n := uint64(8), uint64(0), uint64(8) // blobs of 8 bytes
		if s.RangeStart != nil {
			from = *s.RangeStart
		}
		if s.RangeLen != nil {
			n = *s.RangeLen
		}
		for at := u.Offset; at < size && at < u.Offset+u.Length; at++ {
			if at < from || at-from >= n {
				return false
			}
		}
		return u.CID == s.CID
	case *scope.BlobWrite:
		media := slices.ContainsFunc(s.MediaAllow, func(p string) bool {
			return p == "*/*" || p == u.Media || strings.HasSuffix(p, "/*") && strings.SplitN(u.Media, "/", 2)[0]+"/*" == p
		})
		return u.Namespace == s.Namespace && media && u.Size <= s.MaxSize
	case *scope.BlobPin:
		return u.CID == s.CID && uint64(u.TTL/time.Microsecond) <= s.TTLus
	case *scope.BlobDelete:
		return u.CID == s.CID
	case *scope.ToolCall:
		return u.Tool == s.ToolID && s.MaxCalls >= 1 && refMeets(u.Request, s.Constraints) && (s.MaxCost == nil || u.Price <= *s.MaxCost)
	case *scope.TrainRun:
		return u.Recipe == s.RecipeID && u.Jobs <= uint64(s.MaxJobs) && u.Tokens <= s.MaxTokens && (s.MaxGPUms == nil || u.GPUms <= *s.MaxGPUms)
	case *scope.EvalRun:
		return u.Suite == s.SuiteID && u.Runs <= uint64(s.MaxRuns)
	case *scope.DeployPromote:
		return u.Ring == s.RingID && u.Policy == s.PolicyID
	case *scope.ComputeSpawn:
		return u.Pool == s.PoolID && u.Workers <= uint64(s.MaxWorkers) && u.CPUus <= s.MaxCPUus && u.IO <= uint64(s.MaxIO)
	case *scope.CellRead:
		return u.Cell == s.CellID && strings.HasPrefix(string(u.Key), string(s.KeyPrefix))
	case *scope.CellWrite:
		for _, typ := range u.EventTypes {
			if s.EventTypeAllow != nil && !slices.Contains(s.EventTypeAllow, typ) {
				return false
			}
		}
		return u.Cell == s.CellID && u.Events <= uint64(s.MaxEvents)
	case *scope.ToolsCall:
		return slices.Contains(s.ToolIDs, u.Tool) && s.MaxCalls >= 1 && (s.MaxCost == nil || u.Price <= *s.MaxCost)
	}
	return false
}

// refMeets judges requests of the form {"a":scalar} and constraints at /a.
func refMeets(request []byte, constraints map[string]string) bool {
	var doc map[string]json.RawMessage
	if len(constraints) > 0 && json.Unmarshal(request, &doc) != nil {
		return false
	}
	for key, want := range constraints {
		raw, there := doc["a"]
		var text string
		isText := strings.HasPrefix(string(raw), `"`) && json.Unmarshal(raw, &text) == nil
		n, isNumber := new(big.Int).SetString(string(raw), 10)
		bound, _ := new(big.Int).SetString(want, 10)
		_, bounded := constraints["min:/a"]
		holds := false
		switch key {
		case "eq:/a":
			holds = string(raw) == refLiteral(want)
		case "in:/a":
			for _, value := range strings.Split(want, "|") {
				holds = holds || string(raw) == refLiteral(value)
			}
		case "prefix:/a":
			holds = isText && strings.HasPrefix(text, want)
		case "max:/a":
			holds = isNumber && bound != nil && n.Cmp(bound) <= 0 && (bounded || n.Sign() >= 0)
		case "min:/a":
			holds = isNumber && bound != nil && n.Cmp(bound) >= 0
		}
		if !there || !holds {
			return false
		}
	}
	return true
}

// refLiteral returns the JSON for the value of a constraint.
func refLiteral(value string) string {
	if _, number := new(big.Int).SetString(value, 10); number || value == "true" || value == "null" || strings.HasPrefix(value, `"`) {
		return value
	}
	text, _ := json.Marshal(value)
	return string(text)
}

func drawScope(t *rapid.T, kind uint8) scope.Scope {
	thing := rapid.SampledFrom([]object.Hash{things[0], things[0], things[0], things[1]}).Draw(t, "thing")
	small := func(of string) uint64 { return rapid.SampledFrom([]uint64{0, 1, 2, 3, scope.NoLimit64}).Draw(t, of) }
	maybe := func(of string) *uint64 {
		if n := small(of); n != 0 {
			n--
			return &n
		}
		return nil
	}
	switch kind {
	case scope.KindBlobRead:
		return &scope.BlobRead{CID: thing, RangeStart: maybe("start"), RangeLen: maybe("len")}
	case scope.KindBlobWrite:
		media := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"*/*", "a/*", "a/b", "a/c", "b/b"}), rapid.ID).Draw(t, "media")
		return &scope.BlobWrite{Namespace: rapid.SampledFrom([]string{"n", "n/m"}).Draw(t, "ns"), MaxSize: small("size"), MediaAllow: media}
	case scope.KindBlobPin:
		return &scope.BlobPin{CID: thing, TTLus: small("ttl")}
	case scope.KindBlobDelete:
		return &scope.BlobDelete{CID: thing}
	case scope.KindToolCall:
		return &scope.ToolCall{ToolID: thing, MaxCalls: uint32(small("calls")), Constraints: drawConstraints(t), MaxCost: maybe("cost")}
	case scope.KindTrainRun:
		return &scope.TrainRun{RecipeID: thing, MaxJobs: uint32(small("jobs")), MaxTokens: small("tokens"), MaxGPUms: maybe("gpu")}
	case scope.KindEvalRun:
		return &scope.EvalRun{SuiteID: thing, MaxRuns: uint32(small("runs"))}
	case scope.KindDeployPromote:
		return &scope.DeployPromote{RingID: uint8(small("ring") & 1), PolicyID: thing}
	case scope.KindComputeSpawn:
		return &scope.ComputeSpawn{PoolID: thing, MaxWorkers: uint32(small("workers")), MaxCPUus: small("cpu"), MaxIO: uint32(small("io"))}
	case scope.KindCellRead:
		return &scope.CellRead{CellID: thing, KeyPrefix: []byte(rapid.SampledFrom([]string{"", "a", "ab", "b"}).Draw(t, "prefix"))}
	}
	if kind == scope.KindToolsCall {
		tools := rapid.SliceOfNDistinct(rapid.SampledFrom(things), 1, len(things), rapid.ID).Draw(t, "tools")
		slices.SortFunc(tools, object.Hash.Compare)
		return &scope.ToolsCall{ToolIDs: tools, MaxCalls: uint32(small("calls")), MaxCost: maybe("cost")}
	}
	types := rapid.SliceOfDistinct(rapid.Uint32Range(0, 2), rapid.ID).Draw(t, "types")
	if rapid.Bool().Draw(t, "any type") {
		types = nil
	}
	return &scope.CellWrite{CellID: thing, MaxEvents: uint32(small("events")), EventTypeAllow: types}
}

func drawConstraints(t *rapid.T) map[string]string {
	values := map[string][]string{
		"eq:/a": {"x", "1"}, "in:/a": {"x", "x|xy", "1|2", "x|1"}, "prefix:/a": {"", "x", "xy"}, "max:/a": {"0", "2", "10"}, "min:/a": {"-1", "0"},
	}
	c := map[string]string{}
	for _, key := range []string{"eq:/a", "in:/a", "prefix:/a", "max:/a", "min:/a"} {
		if rapid.IntRange(0, 3).Draw(t, key) == 0 {
			c[key] = rapid.SampledFrom(values[key]).Draw(t, "value")
		}
	}
	return c
}

// usesOf returns all uses of a kind over the small domains.
func usesOf(kind uint8) (uses []scope.Use) {
	for _, h := range things {
		for _, n := range []uint64{0, 1, 2, 3, 4} {
			for _, m := range []uint64{1, 2, 3, 8} {
				u := scope.Use{
					Kind: kind, CID: h, Offset: n, Length: m, TTL: time.Duration(m) * time.Microsecond,
					Namespace: []string{"n", "n/m"}[n&1], Size: m, Media: []string{"a/b", "a/c", "b/b", "c/c", "a/*"}[n],
					Tool: h, Price: m, Request: fmt.Appendf(nil, `{"a":%s}`, []string{`"x"`, `"xy"`, `1`, `-1`, `"1"`}[n]),
					Recipe: h, Jobs: max(1, n), Tokens: m, GPUms: n, Suite: h, Runs: m, Ring: uint8(n & 1), Policy: h,
					Pool: h, Workers: m, CPUus: n, IO: m & 3, Cell: h, Key: []byte([]string{"", "a", "abc", "b", "ac"}[n]),
					Events: m, EventTypes: []uint32{uint32(n)},
				}
				uses = append(uses, u)
			}
		}
	}
	return uses
}

// drawChain makes a chain of 1 to 4 links whose children are mostly plausible:
// often each differs from its parent in one respect only.
func drawChain(t *rapid.T) Chain {
	kind := rapid.Uint8Range(1, 11).Draw(t, "kind")
	at := rapid.SampledFrom([]object.Time{t0, hours(1)})
	until := rapid.SampledFrom([]object.Time{hours(1), hours(2), hours(3)})
	var chain Chain
	for i := range rapid.IntRange(1, 4).Draw(t, "links") {
		signer, c := owner, Capability{NotBefore: t0, ExpiresAt: hours(3), Delegable: true}
		if i > 0 {
			parent := chain[0]
			c = Capability{Scope: parent.Cap.Scope, NotBefore: parent.Cap.NotBefore, ExpiresAt: parent.Cap.ExpiresAt,
				Delegable: parent.Cap.Delegable, RevocationRequired: parent.Cap.RevocationRequired, AttenuationParent: &parent.ID}
			signer = keyOf(parent.Cap.Subject)
		}
		switch {
		case i == 0:
			c.Scope = drawCapScope(t, kind)
		case rapid.Bool().Draw(t, "vary scope"):
			c.Scope = varyScope(t, c.Scope)
		}
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "re-issue") == 0 {
			signer = keyOf(chain[0].Cap.Issuer)
		}
		switch rapid.IntRange(0, 7).Draw(t, "mutation") {
		case 0:
			c.NotBefore = at.Draw(t, "from")
		case 1:
			c.ExpiresAt = until.Draw(t, "until")
		case 2:
			c.Delegable = rapid.Bool().Draw(t, "delegable")
		case 3:
			required := rapid.Bool().Draw(t, "required")
			c.RevocationRequired = &required
		case 4:
			signer = rapid.SampledFrom(agents).Draw(t, "signer")
		case 5:
			c.Scope = drawCapScope(t, rapid.Uint8Range(1, 11).Draw(t, "another kind"))
		}
		c.Issuer, c.Subject = signer.Agent(), rapid.SampledFrom(agents).Draw(t, "subject").Agent()
		raw, err := sign.Seal(signer, Rule, &c, &c.CapID, &c.Signature)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(raw)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(Chain{l}, chain...)
	}
	return chain
}

func keyOf(a object.AgentID) *sign.Key {
	return agents[slices.IndexFunc(agents, func(k *sign.Key) bool { return k.Agent().Same(a) })]
}

// varyScope draws a scope in which each field and constraint is usually the parent's.
func varyScope(t *rapid.T, parent scope.CapScope) scope.CapScope {
	old, err := parent.Decode()
	if err != nil {
		t.Fatal(err)
	}
	fresh := drawScope(t, parent.Kind)
	from, to := reflect.ValueOf(old).Elem(), reflect.ValueOf(fresh).Elem()
	for i := range to.NumField() {
		if rapid.IntRange(0, 2).Draw(t, "keep") > 0 && to.Type().Field(i).Name != "Constraints" {
			to.Field(i).Set(from.Field(i))
		}
	}
	if call, ok := fresh.(*scope.ToolCall); ok {
		for key, value := range old.(*scope.ToolCall).Constraints {
			if _, drawn := call.Constraints[key]; !drawn && rapid.IntRange(0, 4).Draw(t, "keep constraint") > 0 {
				call.Constraints[key] = value
			}
		}
	}
	s, err := scope.New(fresh)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drawCapScope(t *rapid.T, kind uint8) scope.CapScope {
	s, err := scope.New(drawScope(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refHandedOn is the reference for who could make a link, in the words of the specification.
func refHandedOn(child, parent Capability) bool {
	delegated := parent.Delegable && child.Issuer.Same(parent.Subject)
	reissued := child.Issuer.Same(parent.Issuer)
	return (delegated || reissued) && (parent.Delegable || !child.Delegable) && (!parent.Revocable() || child.Revocable())
}

func TestNoChildGrantsMore(t *testing.T) {
	accepted, children, granted := 0, 0, 0
	judge := func(t *rapid.T) {
		chain := drawChain(t)
		v := verifier()
		for _, required := range chain {
			if required.Cap.Revocable() {
				v.Revoked = func(a object.AgentID) (*RevocationList, error) { return &RevocationList{Issuer: a}, nil }
			}
		}
		holder := chain[0].Cap.Subject
		scopes := make([]scope.Scope, len(chain))
		for i := range chain {
			scope, err := chain[i].Cap.Scope.Decode()
			if err != nil {
				t.Fatal(err)
			}
			scopes[i] = scope
		}
		uses := usesOf(scopes[0].Kind())
		for _, now := range times {
			if v.Verify(chain, holder, now) != nil {
				continue
			}
			accepted++
			if len(chain) > 1 {
				children++
			}
			for i := range chain {
				if c := chain[i].Cap; now < c.NotBefore || now >= c.ExpiresAt {
					t.Fatalf("link %d is accepted outside its window", i)
				}
				if i+1 < len(chain) && !refHandedOn(chain[i].Cap, chain[i+1].Cap) {
					t.Fatalf("link %d could not have been handed on", i)
				}
			}
			for _, u := range uses {
				allowed := v.Authorize(chain, holder, u, now) == nil
				if allowed != refAllows(scopes[0], u) && !stricter(scopes[0], u) {
					t.Fatalf("%s for %+v: %v", chain[0].Cap.Scope, u, allowed)
				}
				for i := range chain {
					if allowed && !refAllows(scopes[i], u) {
						t.Fatalf("%s, under %s, allows %+v", chain[0].Cap.Scope, chain[i].Cap.Scope, u)
					}
				}
				if allowed {
					granted++
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 12 {
			judge(t)
		}
	})
	// The property must not hold only because there were too few chains.
	if accepted < 50 || children < 20 || granted < 200 {
		t.Errorf("only %d chains accepted, %d with children, %d uses granted", accepted, children, granted)
	}
}

// stricter reports differences that the reference cannot see: ranges beyond the end of its blobs count, and so do
// offsets of reads.
func stricter(s scope.Scope, u scope.Use) bool {
	_, read := s.(*scope.BlobRead)
	return read && u.Offset+u.Length > 8
}

// TestNarrowingIsAccepted checks the converse as far as it holds: a scope is within itself, and within is transitive.
func TestNarrowingIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.Uint8Range(1, 11).Draw(t, "kind")
		a, b, c := drawScope(t, kind), drawScope(t, kind), drawScope(t, kind)
		if err := scope.Within(a, a); err != nil {
			t.Fatal(err)
		}
		if scope.Within(a, b) == nil && scope.Within(b, c) == nil {
			if err := scope.Within(a, c); err != nil {
				t.Fatal(err)
			}
		}
		s, err := scope.New(a)
		if err != nil {
			t.Fatal(err)
		}
		again, err := scope.Parse(s.String(), nil)
		if err != nil || string(again.Payload) != string(s.Payload) {
			t.Fatalf("%s is read back as %s: %v", s, again, err)
		}
	})
}

// TestConstraintsOnlyNarrow is the property for constraints alone, tried on every
// pair of two constraints and every request.
func TestConstraintsOnlyNarrow(t *testing.T) {
	values := map[string][]string{
		"eq:/a": {"x", "1", `"1"`, "true", ""}, "in:/a": {"x", "x|xy", "1|2", "x|1", "xy", "", "-1|", `"1"|true`}, "prefix:/a": {"", "x", "xy", "y"},
		"max:/a": {"-2", "-1", "0", "1", "2", "10", "x"}, "min:/a": {"0", "-2", "-1", "1"},
	}
	var all []map[string]string
	for key, list := range values {
		for _, value := range list {
			all = append(all, map[string]string{key: value})
			for other, more := range values {
				if other != key {
					all = append(all, map[string]string{key: value, other: more[0]}, map[string]string{key: value, other: more[len(more)-1]})
				}
			}
		}
	}
	requests := []string{`{}`, `{"a":"x"}`, `{"a":"xy"}`, `{"a":"y"}`, `{"a":""}`, `{"a":"1"}`, `{"a":1}`, `{"a":2}`, `{"a":-1}`, `{"a":-2}`, `{"a":0}`, `{"a":10}`, `{"a":11}`, `{"a":null}`, `{"a":true}`, `{"a":"true"}`}
	met := 0
	for _, child := range all {
		for _, request := range requests {
			if got, want := satisfies([]byte(request), child) == nil, refMeets([]byte(request), child); got != want {
				t.Fatalf("%v on %s: %v, want %v", child, request, got, want)
			}
		}
		for _, parent := range all {
			if asNarrow(child, parent) != nil {
				continue
			}
			for _, request := range requests {
				if !refMeets([]byte(request), child) {
					continue
				}
				if met++; !refMeets([]byte(request), parent) {
					t.Fatalf("%v is taken for narrower than %v, and allows %s", child, parent, request)
				}
			}
		}
	}
	if met < 100 {
		t.Errorf("only %d requests were compared", met)
	}
}
