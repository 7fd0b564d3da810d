package main

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// signatureBlocks replace the signature block of a packet, which nobody signs.
func signatureBlocks(show func(string, []byte, fields), plain []byte) {
	end := 46 + int(binary.BigEndian.Uint32(plain[42:]))
	entry := must(can.Parse(plain[end+4:])).List[0]
	with := func(entries ...can.Value) []byte {
		block := must(listValue(entries...).Append(nil))
		return append(binary.BigEndian.AppendUint32(slices.Clone(plain[:end]), uint32(len(block))), block...)
	}
	show("no signature", with(), nil)
	var many []can.Value
	for i := range 17 {
		key := input.Key(fmt.Sprint("signer ", i))
		sig := must(key.Sign(plain[:end]))
		many = append(many, must(can.Parse(must(can.Marshal(&packet.SigBlockEntry{Signer: key.Agent().Bare(), SigAlg: object.Ed25519, Sig: sig})))))
	}
	show("16 signatures, one of them trusted", with(append(slices.Clone(many[:15]), entry)...), nil)
	show("17 signatures", with(append(slices.Clone(many[:16]), entry)...), nil)
	hinted := must(object.Decode[packet.SigBlockEntry](must(entry.Append(nil))))
	hinted.Signer.Hint = "not alice"
	show("a hint in an entry", with(must(can.Parse(must(can.Marshal(hinted))))), nil)
	show("a good signature and a bad one", with(entry, func() can.Value {
		bad := *hinted
		bad.Signer = bob.Agent().Bare()
		return must(can.Parse(must(can.Marshal(&bad))))
	}()), nil)
	show("a block that is no list", append(binary.BigEndian.AppendUint32(slices.Clone(plain[:end]), 1), 0), nil)
	show("an entry with an unknown field", with(must(can.Parse(withField(must(entry.Append(nil)), 900, can.AppendUint(nil, 1))))), nil)
	for _, at := range []int64{24 * 60 * minute, 24*60*minute + 1} {
		show(fmt.Sprintf("expires %d microseconds from now", at), must(packet.Pack(packet.Options{Signers: []sign.Signer{alice}}, sealed(hello, start+at))), nil)
	}
	show("a payload of codec 2 that decompresses to 17 MiB", bomb(), nil)
}

// bomb is a signed packet whose payload is small, and large once decompressed.
func bomb() []byte {
	return must(packet.Pack(packet.Options{Signers: []sign.Signer{alice}, Codec: packet.CodecZstd}, can.AppendBytes(nil, make([]byte, 17<<20))))
}
