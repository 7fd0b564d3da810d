package main

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
)

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
