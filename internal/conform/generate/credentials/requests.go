package credentials

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/object"
)

// Requests are signed over every relevant header, by alice, for bob.
func Requests() *vector.Set {
	s := &vector.Set{Class: "requests", About: "signed requests to a peer, without TLS, and what changes make of them"}
	chain := vector.Issue(bob, alice, &scope.BlobRead{CID: vector.Tool}, nil)
	show := func(id string, change func(in vector.Fields, headers map[string]string), sign bool) {
		headers := map[string]string{"Agent": alice.Agent().KeyHex(), "To": bob.Agent().KeyHex(), "Time": fmt.Sprint(vector.Start), "Nonce": strings.Repeat("ab", 16)}
		in := vector.Fields{"method": "GET", "target": "/v1/blobs/" + vector.Tool.String() + "?proof", "headers": headers, "to_key": bob.Agent().KeyHex(), "at_us": vector.Start}
		if change != nil && sign {
			change(in, headers)
		}
		headers["Signature"] = requestSignature(in, headers)
		if change != nil && !sign {
			change(in, headers)
		}
		s.Add(id, in)
	}
	header := func(name, value string) func(vector.Fields, map[string]string) {
		return func(_ vector.Fields, h map[string]string) { h[name] = value }
	}
	member := func(name string, value any) func(vector.Fields, map[string]string) {
		return func(in vector.Fields, _ map[string]string) { in[name] = value }
	}
	text := vector.Must(caps.ExportText(chain))
	show("signed", nil, true)
	show("with a body", header("Digest", object.SumText("body").String()), true)
	show("with a capability", header("Cap", text), true)
	show("five minutes before now", member("at_us", vector.Start+5*vector.Minute), true)
	show("five minutes after now", member("at_us", vector.Start-5*vector.Minute), true)
	show("too early", member("at_us", vector.Start-5*vector.Minute-1), true)
	show("too late", member("at_us", vector.Start+5*vector.Minute+1), true)
	show("meant for another", header("To", carol.Agent().KeyHex()), true)
	show("a capability that is none", header("Cap", text[:len(text)-1]), true)
	show("a time that is no number", header("Time", "now"), true)
	show("a time with a sign", header("Time", "+"+fmt.Sprint(vector.Start)), true)
	show("a nonce of 15 bytes", header("Nonce", strings.Repeat("ab", 15)), true)
	show("no nonce", header("Nonce", ""), true)
	show("another method", member("method", "PUT"), false)
	show("another path", member("target", "/v1/blobs/"+object.SumText("other").String()+"?proof"), false)
	show("another query", member("target", "/v1/blobs/"+vector.Tool.String()), false)
	for name, value := range map[string]string{"Agent": carol.Agent().KeyHex(), "Time": fmt.Sprint(vector.Start + 1), "Nonce": strings.Repeat("ac", 16), "Digest": object.SumText("body").String(), "Cap": text, "Signature": strings.Repeat("00", 64)} {
		show("changed: "+name, header(name, value), false)
	}
	s.Sort()
	return s
}

// requestSignature follows the text of the specification, not the code under test.
func requestSignature(in vector.Fields, headers map[string]string) string {
	capability := object.SumText(headers["Cap"])
	text := "mythos-http-2\n" + in["method"].(string) + "\n" + in["target"].(string) + "\n"
	for _, name := range []string{"To", "Time", "Nonce", "Digest"} {
		text += headers[name] + "\n"
	}
	sig := vector.Must(alice.Sign([]byte(text + capability.String() + "\n")))
	return vector.Hex(sig[:])
}
