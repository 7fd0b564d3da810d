package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
)

// requests are signed over every header that counts, by alice, for bob.
func requests() *set {
	s := &set{Class: "requests", About: "signed requests to a peer, without TLS, and what changes make of them"}
	chain := issue(bob, alice, &scope.BlobRead{CID: tool}, nil)
	show := func(id string, change func(in fields, headers map[string]string), sign bool) {
		headers := map[string]string{"Agent": alice.Agent().KeyHex(), "To": bob.Agent().KeyHex(), "Time": fmt.Sprint(start), "Nonce": strings.Repeat("ab", 16)}
		in := fields{"method": "GET", "target": "/v1/blobs/" + tool.String() + "?proof", "headers": headers, "to_key": bob.Agent().KeyHex(), "at_us": start}
		if change != nil && sign {
			change(in, headers)
		}
		headers["Signature"] = requestSignature(in, headers)
		if change != nil && !sign {
			change(in, headers)
		}
		s.Add(id, in)
	}
	header := func(name, value string) func(fields, map[string]string) {
		return func(_ fields, h map[string]string) { h[name] = value }
	}
	member := func(name string, value any) func(fields, map[string]string) {
		return func(in fields, _ map[string]string) { in[name] = value }
	}
	text := must(caps.ExportText(chain))
	show("signed", nil, true)
	show("with a body", header("Digest", object.SumText("body").String()), true)
	show("with a capability", header("Cap", text), true)
	show("five minutes before now", member("at_us", start+5*minute), true)
	show("five minutes after now", member("at_us", start-5*minute), true)
	show("too early", member("at_us", start-5*minute-1), true)
	show("too late", member("at_us", start+5*minute+1), true)
	show("meant for another", header("To", carol.Agent().KeyHex()), true)
	show("a capability that is none", header("Cap", text[:len(text)-1]), true)
	show("a time that is no number", header("Time", "now"), true)
	show("another method", member("method", "PUT"), false)
	show("another path", member("target", "/v1/blobs/"+object.SumText("other").String()+"?proof"), false)
	show("another query", member("target", "/v1/blobs/"+tool.String()), false)
	for name, value := range map[string]string{"Agent": carol.Agent().KeyHex(), "Time": fmt.Sprint(start + 1), "Nonce": strings.Repeat("ac", 16), "Digest": object.SumText("body").String(), "Cap": text, "Signature": strings.Repeat("00", 64)} {
		show("changed: "+name, header(name, value), false)
	}
	s.Sort()
	return s
}

// requestSignature follows the text of the page, not the code that it is to test.
func requestSignature(in fields, headers map[string]string) string {
	capability := object.SumText(headers["Cap"])
	text := "mythos-http-2\n" + in["method"].(string) + "\n" + in["target"].(string) + "\n"
	for _, name := range []string{"To", "Time", "Nonce", "Digest"} {
		text += headers[name] + "\n"
	}
	sig := must(alice.Sign([]byte(text + capability.String() + "\n")))
	return hexOf(sig[:])
}

// frames are streams of parts.
func frames() *set {
	s := &set{Class: "frames", About: "streams of frames between peers"}
	frame := func(kind string, id object.Hash, data string) []byte {
		raw := must(can.Marshal(&packet.Frame{Kind: kind, ID: id, Data: []byte(data)}))
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
	}
	part, end := frame("bytes", object.SumText("hello"), "hello"), frame("end", tool, "")
	show := func(id string, parts ...[]byte) { s.Add(id, fields{"bytes": hexOf(slices.Concat(parts...))}) }
	show("nothing but the end", end)
	show("a part", part, end)
	show("two parts, one empty", part, frame("Receipt", tool, ""), end)
	show("an item", frame("node", tool, string(binary.BigEndian.AppendUint64(nil, 1234))), end)
	unknown := withField(part[4:], 900, can.AppendUint(nil, 1))
	show("an unknown field", binary.BigEndian.AppendUint32(nil, uint32(len(unknown))), unknown, end)
	show("nothing")
	show("no end", part)
	show("cut in its length", part, end[:3])
	show("cut in a frame", part, end[:len(end)-1])
	show("a byte after the end", end, []byte{0})
	show("a frame after the end", end, part)
	show("a length of 80 MiB and a byte", []byte{0x05, 0, 0, 1})
	show("a length of 0", []byte{0, 0, 0, 0}, end)
	long := slices.Clone(part)
	long[3]++
	show("a length that is too large by one", long, end)
	short := slices.Clone(part)
	short[3]--
	show("a length that is too small by one", short, end)
	missing := must(can.Without(part[4:], can.Mask{3: nil}))
	show("a field is missing", binary.BigEndian.AppendUint32(nil, uint32(len(missing))), missing, end)
	twice := bytes.Replace(part, []byte{0x03, 0x02}, []byte{0x03, 0x01}, 1)
	show("a field twice", twice, end)
	bad := bytes.Replace(part, []byte("bytes"), []byte("byte\xff"), 1)
	show("a kind that is not UTF-8", bad, end)
	other := bytes.Replace(part, []byte{0x03, 0x01, 0x03, 0x01}, []byte{0x03, 0x01, 0x03, 0x02}, 1)
	show("an id of another algorithm", other, end)
	return s
}
