package issuer_test

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway"
	"github.com/mythos-project/mythos/internal/issuer"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/oidctest"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

const tool = "5555555555555555555555555555555555555555555555555555555555555555"

// world is an issuer of tokens, and a server whose policy accepts them.
type world struct {
	t     *testing.T
	is    *oidctest.Issuer
	far   *repo.Repo
	url   string
	later atomic.Int64 // how far the server's clock is ahead, in nanoseconds
}

func start(t *testing.T, rules string) *world {
	w := &world{t: t, is: oidctest.Start(t)}
	w.far = peertest.Later(t, "far", &w.later)
	s := &peer.Server{Repo: w.far, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{gateway.For(w.far), issuer.For(w.far)}}
	s.SetLimits(peer.Limits{Rate: 1e6})
	w.url = "http://" + peertest.Serve(t, s)
	if rules != "" {
		w.policy(rules)
	}
	return w
}

func (w *world) policy(text string) {
	w.t.Helper()
	rules, err := caps.ParsePolicyRules([]byte(strings.ReplaceAll(text, "ISSUER", w.is.URL)), caps.Names{
		Agent: w.far.AgentNamed, Thing: func(_, name string) (object.Hash, error) { return object.ParseHash(name) }})
	if err == nil {
		_, err = w.far.Auth.SetPolicy(w.t.Context(), rules)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// job is a runner with an empty disk: a repository with a new key.
type job struct {
	*repo.Repo
	l *remote.Ledger
}

func (w *world) job() *job {
	w.t.Helper()
	n := peertest.Later(w.t, "job", &w.later)
	l, err := remote.Open(w.t.Context(), remote.Options{Client: peer.To(n, peers.Peer{URL: w.url}), Local: n.Ledger, Signer: n.Key, Now: n.Now, KV: n.DB,
		Notef: func(string, ...any) {}, Stays: func(object.Hash) bool { return false }, Patience: time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	return &job{n, l}
}

func (w *world) audience(j *job) string { return caps.TokenAudience(w.far.Self(), j.Self()) }

// token makes a token for a job, with claims changed.
func (w *world) token(j *job, change func(oidctest.Claims)) string {
	c := w.is.Claims(w.audience(j), w.far.Now().Std())
	if change != nil {
		change(c)
	}
	return w.is.Token("rsa", c)
}

func (w *world) ask(j *job, wish issuer.Wish) (caps.Link, *ledger.Receipt, error) {
	if wish.Scope == "" {
		wish.Scope = "tool.call:" + tool + ",calls=1"
	}
	return issuer.Ask(w.t.Context(), j.Repo, j.l, wish)
}

// receipts returns those of the server's ledger, oldest first.
func (w *world) receipts() (list []*ledger.Receipt) {
	w.t.Helper()
	err := w.far.Ledger.Log(w.t.Context(), kvledger.Filter{}, func(e ledger.Entry) error {
		if e.Receipt != nil {
			list = append(list, e.Receipt)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortStableFunc(list, func(a, b *ledger.Receipt) int { return cmp.Compare(a.TimeObserved, b.TimeObserved) })
	return list
}

// given returns how many capabilities were issued and stored; each has a receipt.
func (w *world) given() (n int) {
	w.t.Helper()
	for _, r := range w.receipts() {
		if r.ToolID == exec.BuiltinID("cap.issue") && r.Status == exec.StatusOK {
			n++
		}
	}
	if kept := held(w.t, &job{Repo: w.far}); kept != n {
		w.t.Errorf("%d receipts of issuances, and %d capabilities", n, kept)
	}
	return n
}

// refusals returns what the server's receipts say about refused requests.
func (w *world) refusals() (list []caps.Refused, notes []string) {
	w.t.Helper()
	for _, r := range w.receipts() {
		if r.ToolID != exec.BuiltinID("cap.issue") || r.Status == exec.StatusOK {
			continue
		}
		raw, err := w.far.Store.Bytes(w.t.Context(), r.RequestHash)
		if err != nil {
			w.t.Fatal(err)
		}
		what, err := object.Decode[caps.Refused](raw)
		if err != nil || !r.Refusal() {
			w.t.Fatalf("%+v, %v", r, err)
		}
		list, notes = append(list, *what), append(notes, *r.Notes)
	}
	return list, notes
}

const deploys = `rules:
  - name: deploys
    oidc: {issuer: "ISSUER", claims: {repository: acme/shop, environment: production}}
    scope: tool.call:` + tool + `
    limits: {calls: 1}
    ttl: 15m
  - name: static
    oidc: {issuer: "ISSUER", claims: {repository: acme/docs}, audience: mythos.example}
    scope: tool.call
    ttl: 5m
    revocable: true
`

// TestToken: a valid token gets a capability, with a receipt that says why. The same token gets the same key the same
// capability again, and nobody else anything.
func TestToken(t *testing.T) {
	w := start(t, deploys)
	j := w.job()
	token := w.token(j, nil)
	link, r, err := w.ask(j, issuer.Wish{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if !link.Cap.Subject.Same(j.Self()) || link.Cap.Delegable || link.Cap.ExpiresAt > w.far.Now().Add(15*time.Minute) {
		t.Errorf("%+v", link.Cap)
	}
	if err := w.far.Verifier.Authorize(caps.Chain{link}, j.Self(), useOf(t), w.far.Now()); err != nil {
		t.Error(err)
	}
	raw, err := w.far.Store.Bytes(t.Context(), r.Evidence[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := object.Decode[caps.Proof](raw)
	if err != nil || p.Rule != "deploys" || *p.Issuer != w.is.URL || *p.Subject != "repo:acme/shop:environment:production" || len(p.Claims) != 2 || p.Claims["environment"] != "production" || !p.Agent.Same(j.Self()) {
		t.Errorf("%+v, %v", p, err)
	}
	again, r2, err := w.ask(j, issuer.Wish{Token: token})
	if err != nil || again.ID != link.ID || r2.ReceiptID != r.ReceiptID {
		t.Errorf("again: %s, %v", again.ID.Short(), err)
	}
	for name, c := range map[string]struct {
		by   *job
		wish issuer.Wish
		want string
	}{
		"stolen":              {w.job(), issuer.Wish{Token: token}, "used for another request, by key " + j.Self().KeyHex()},
		"for something else":  {j, issuer.Wish{Token: token, Scope: "tool.call:" + tool + ",calls=1,eq:/x=1"}, "used for another request"},
		"for another time":    {j, issuer.Wish{Token: token, TTL: time.Minute}, "used for another request"},
		"stolen before use":   {w.job(), issuer.Wish{Token: w.token(j, nil)}, "audience"},
		"of a fork":           {j, issuer.Wish{Token: w.token(j, func(c oidctest.Claims) { c["repository"] = "evil/shop" })}, "repository"},
		"claim of a list":     {j, issuer.Wish{Token: w.token(j, func(c oidctest.Claims) { c["repository"] = []string{"acme/shop"} })}, "no claim repository"},
		"too much":            {j, issuer.Wish{Token: w.token(j, nil), Scope: "tool.call:" + tool + ",calls=2"}, "calls is 2"},
		"too long":            {j, issuer.Wish{Token: w.token(j, nil), TTL: time.Hour}, "at most 15m"},
		"expired":             {j, issuer.Wish{Token: w.token(j, func(c oidctest.Claims) { c["exp"] = c["iat"].(int64) - 100 })}, "expired"},
		"no token":            {j, issuer.Wish{Token: "e30.e30."}, "not a signed JWT"},
		"without a token":     {j, issuer.Wish{}, "without a token"},
		"static, other claim": {j, issuer.Wish{Token: w.token(j, func(c oidctest.Claims) { c["aud"] = "mythos.example" })}, "audience"},
	} {
		if _, _, err := w.ask(c.by, c.wish); !errors.Is(err, caps.ErrDenied) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if n := w.given(); n != 1 {
		t.Errorf("%d capabilities were issued", n)
	}
}

func useOf(t *testing.T) scope.Use {
	id, err := object.ParseHash(tool)
	if err != nil {
		t.Fatal(err)
	}
	return scope.Use{Kind: scope.KindToolCall, Tool: id, Request: []byte("{}")}
}

// TestRefusals: a refusal leaves a receipt that says who asked, with what, and which rule refused.
func TestRefusals(t *testing.T) {
	w := start(t, deploys)
	j := w.job()
	refuse := func(wish issuer.Wish) {
		t.Helper()
		if _, _, err := w.ask(j, wish); !errors.Is(err, caps.ErrDenied) {
			t.Fatal(err)
		}
	}
	fork := func() issuer.Wish {
		return issuer.Wish{Token: w.token(j, func(c oidctest.Claims) { c["repository"], c["ref"] = "evil/shop", strings.Repeat("x", 2000) })}
	}
	refuse(fork())
	refuse(issuer.Wish{Token: w.token(j, func(c oidctest.Claims) { c["exp"] = c["iat"].(int64) - 100 })})
	list, notes := w.refusals()
	if len(list) != 2 {
		t.Fatalf("%d receipts", len(list))
	}
	proven, unproven := list[0], list[1]
	if !proven.Agent.Same(j.Self()) || *proven.Issuer != w.is.URL || *proven.Subject != "repo:acme/shop:environment:production" || *proven.Audience != w.audience(j) || proven.TokenID == nil ||
		len(proven.Claims) != 2 || proven.Claims["repository"] != "evil/shop" || *proven.Scope != "tool.call:"+tool+",calls=1" || proven.PolicyID == nil {
		t.Errorf("%+v", proven)
	}
	if !strings.Contains(notes[0], `rule "deploys": the token's claim repository is "evil/shop"`) || !strings.Contains(notes[1], "expired") {
		t.Errorf("%q", notes)
	}
	if !unproven.Agent.Same(j.Self()) || unproven.Issuer != nil || unproven.TokenID != nil || unproven.Claims != nil {
		t.Errorf("%+v", unproven)
	}
	refuse(issuer.Wish{Scope: "tool.call:" + tool + ",eq:/x=" + strings.Repeat("y", 2000)})
	if list, notes = w.refusals(); len(list) != 3 || list[2].Scope != nil || !strings.Contains(notes[2], "without a token") {
		t.Errorf("%d receipts, the last one says %+v", len(list), list[len(list)-1])
	}
	if n := w.given(); n != 0 {
		t.Errorf("%d capabilities were given", n)
	}
}

// TestStaticAudience: a token that is not bound to a key is valid for the first key that shows it.
func TestStaticAudience(t *testing.T) {
	w := start(t, deploys)
	j, thief := w.job(), w.job()
	token := w.token(j, func(c oidctest.Claims) { c["aud"], c["repository"] = "mythos.example", "acme/docs" })
	link, _, err := w.ask(j, issuer.Wish{Token: token})
	if err != nil || !link.Cap.Revocable() {
		t.Fatal(err)
	}
	if err := w.far.Verifier.Authorize(caps.Chain{link}, j.Self(), useOf(t), w.far.Now()); err != nil { // there is a revocation list of its issuer
		t.Error(err)
	}
	if _, _, err := w.ask(thief, issuer.Wish{Token: token}); !errors.Is(err, caps.ErrDenied) {
		t.Error(err)
	}
}

// TestKey: a key that a rule for requests names needs no token.
func TestKey(t *testing.T) {
	w := start(t, "")
	j, other := w.job(), w.job()
	if _, _, err := w.ask(j, issuer.Wish{}); !errors.Is(err, caps.ErrDenied) || !strings.Contains(err.Error(), "no issuance policy is in force") {
		t.Errorf("without a policy: %v", err)
	}
	peertest.Trust(t, w.far, j.Repo, "scout")
	w.policy("rules:\n  - {name: scout, to: [scout], request: true, scope: tool.call, ttl: 10m}\n  - {name: all, scope: \"*\", ttl: 30d}\n")
	first, _, err := w.ask(j, issuer.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if second, _, err := w.ask(j, issuer.Wish{}); err != nil || second.ID == first.ID {
		t.Errorf("two wishes of one key: %v", err)
	}
	if _, _, err := w.ask(other, issuer.Wish{}); !errors.Is(err, caps.ErrDenied) || !strings.Contains(err.Error(), "no rule allows anything") {
		t.Errorf("another key: %v", err)
	}
	if _, _, err := w.ask(j, issuer.Wish{Scope: "blob.read:" + tool}); !errors.Is(err, caps.ErrDenied) {
		t.Errorf("another kind: %v", err)
	}
	if err := w.far.Trust.Rotate("scout", "was-scout", other.Self(), keyfile.End{At: w.far.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.ask(j, issuer.Wish{}); !errors.Is(err, caps.ErrDenied) || !strings.Contains(err.Error(), "not trusted now") {
		t.Errorf("trust that has ended: %v", err)
	}
}

// TestOneToken: many processes of a job, and a thief, show one token at the same time.
func TestOneToken(t *testing.T) {
	w := start(t, deploys)
	j, thief := w.job(), w.job()
	token := w.token(j, func(c oidctest.Claims) { c["aud"], c["repository"] = "mythos.example", "acme/docs" })
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[object.Hash]bool{}
	for i := range 8 {
		by := []*job{j, thief}[i%2]
		all.Go(func() {
			link, _, err := w.ask(by, issuer.Wish{Token: token})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ids[link.ID] = true
			} else if !errors.Is(err, caps.ErrDenied) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("%d capabilities for one token", len(ids))
	}
}

// TestForgotten: a token is remembered for as long as it could be shown.
func TestForgotten(t *testing.T) {
	w := start(t, deploys)
	j := w.job()
	token := w.token(j, nil)
	link, _, err := w.ask(j, issuer.Wish{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at    time.Duration
		taken bool
	}{{5 * time.Minute, true}, {7 * time.Minute, false}} {
		w.later.Store(int64(c.at))
		if err := w.far.Upkeep.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		again, _, err := w.ask(j, issuer.Wish{Token: token})
		if c.taken && (err != nil || again.ID != link.ID) || !c.taken && !errors.Is(err, caps.ErrDenied) {
			t.Errorf("after %s: %v", c.at, err)
		}
	}
}

// swapped replaces the server's answer by the result of change.
type swapped struct{ change func(a *caps.Issued) }

func (s *swapped) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK || r.URL.Path != issuer.Path {
		return res, err
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a, err := object.Decode[caps.Issued](raw)
	if err != nil {
		return nil, err
	}
	s.change(a)
	raw, err = can.Marshal(a)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return res, err
}

// TestAnswers: an answer that does not fit the request, or was not recorded, is refused, and nothing is stored.
func TestAnswers(t *testing.T) {
	w := start(t, "")
	var good caps.Issued
	through := &swapped{func(a *caps.Issued) { good = *a }}
	j := w.job()
	j.l.Client.HTTP = &http.Client{Transport: through}
	w.policy("rules:\n  - {name: scout, to: [" + j.Self().KeyHex() + "], request: true, scope: tool.call, ttl: 10m}\n")
	if _, _, err := w.ask(j, issuer.Wish{}); err != nil {
		t.Fatal(err)
	}
	before := held(t, j)
	for name, change := range map[string]func(a *caps.Issued){
		"another scope":           func(a *caps.Issued) { *a = good },
		"another receipt":         func(a *caps.Issued) { a.Receipt = good.Receipt },
		"another proof":           func(a *caps.Issued) { a.Proof = append([]byte{}, good.Proof...); a.Proof[len(a.Proof)-1] ^= 1 },
		"another place":           func(a *caps.Issued) { a.Seq-- },
		"a place that is not yet": func(a *caps.Issued) { a.Seq += 100 },
		"a changed signature":     func(a *caps.Issued) { a.Capability[len(a.Capability)-1] ^= 1 },
		"a changed receipt":       func(a *caps.Issued) { a.Receipt[len(a.Receipt)-1] ^= 1 },
	} {
		through.change = change
		if _, _, err := w.ask(j, issuer.Wish{Scope: "tool.call:" + strings.ReplaceAll(tool, "5", "6") + ",calls=1"}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if got := held(t, j); got != before {
		t.Errorf("%d capabilities were kept", got-before)
	}
}

func held(t *testing.T, j *job) (n int) {
	t.Helper()
	if err := j.Auth.Each(t.Context(), func(caps.Link) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestIssuerAway: while the issuer cannot be reached the token cannot be checked, and nothing is issued; the same token
// is valid later.
func TestIssuerAway(t *testing.T) {
	w := start(t, deploys)
	j := w.job()
	token := w.token(j, nil)
	w.is.Answer(http.NotFound)
	if _, _, err := w.ask(j, issuer.Wish{Token: token}); err == nil || errors.Is(err, caps.ErrDenied) || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("%v", err)
	}
	w.is.Answer(nil)
	w.later.Store(int64(20 * time.Second))
	if _, _, err := w.ask(j, issuer.Wish{Token: token}); err != nil {
		t.Error(err)
	}
}
