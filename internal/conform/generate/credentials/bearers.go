// Package credentials makes the inputs of golden vectors about proofs of identity for a server: signed requests,
// bearers and identity tokens.
package credentials

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

var alice, bob, carol = vector.Alice, vector.Bob, vector.Carol

const day = 24 * 60 * vector.Minute

// made is a bearer as its issuer states it, valid or not.
func made(key *sign.Key, chain caps.Chain, from, until int64) []byte {
	b := bearer.Bearer{Chain: vector.Must(caps.ExportFile(chain)), NotBefore: object.Time(from), ExpiresAt: object.Time(until), Issuer: key.Agent()}
	b.Signature = vector.Must(sign.ID(key, vector.Must(bearer.Rule.IDOf(&b))))
	return vector.Must(can.Marshal(&b))
}

func text(raw []byte) string { return bearer.Prefix + base64.RawURLEncoding.EncodeToString(raw) }

// Bearers are shown to bob, who may act under a capability that alice has from carol.
func Bearers() *vector.Set {
	s := &vector.Set{Class: "bearers", About: "bearers that are shown to a server, and what changes make of them"}
	root := vector.Issue(carol, alice, &scope.ToolCall{ToolID: vector.Tool, MaxCalls: 5}, nil)
	leaf := vector.Must(caps.Attenuate(alice, root, caps.Draft{Subject: bob.Agent()}))
	chain := append(caps.Chain{leaf}, root...)
	show := func(id, word string, server *sign.Key, at int64) {
		s.Add(id, vector.Fields{"bearer": word, "server_key": server.Agent().KeyHex(), "at_us": at})
	}
	const start = vector.Start
	raw := made(alice, chain, start, start+day)
	good := text(raw)
	show("good", good, bob, start)
	show("at its last moment", good, bob, start+day-1)
	show("too early", good, bob, start-1)
	show("too late", good, bob, start+day)
	show("at another server", good, carol, start)
	show("for more than a day", text(made(alice, chain, start, start+day+1)), bob, start)
	show("for no time", text(made(alice, chain, start, start)), bob, start)
	show("backwards", text(made(alice, chain, start+1, start)), bob, start)
	show("from a negative time on", text(made(alice, chain, -1, 1)), bob, 0)
	show("a capability that is a root", text(made(carol, vector.Issue(carol, bob, &scope.ToolCall{ToolID: vector.Tool, MaxCalls: 5}, nil), start, start+1)), bob, start)
	show("by the server", text(made(bob, chain, start, start+vector.Minute)), bob, start)
	show("by who issued the root", text(made(carol, chain, start, start+vector.Minute)), bob, start)
	show("of a capability that is another agent's", text(made(carol, root, start, start+vector.Minute)), bob, start)
	show("cut off", text(raw[:len(raw)-1]), bob, start)
	show("a byte too many", text(append(bytes.Clone(raw), 0)), bob, start)
	show("in which something was changed after it was signed", text(vector.ReplaceField(raw, 3, can.Value{Tag: can.TagInt, Int: start + day - 1})), bob, start)
	changed := bytes.Clone(raw)
	changed[len(changed)-1] ^= 1
	show("a changed signature", text(changed), bob, start)
	show("no bearer: a capability", vector.Must(caps.ExportText(chain)), bob, start)
	show("no bearer: another prefix", "mythos2bearer"+strings.TrimPrefix(good, bearer.Prefix), bob, start)
	show("no bearer: padding", good+"=", bob, start)
	show("no bearer: white space", good+"\n", bob, start)
	return s
}
