package packet_test

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// A packet is accepted when every signature verifies and a trusted agent signed.
func Example() {
	alice := sign.FromSeed([32]byte{1}, "alice")
	raw, err := packet.Pack(packet.Options{Codec: packet.CodecZstd, Signers: []sign.Signer{alice}}, []byte{0x06, 2, 'h', 'i'})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := packet.Parse(raw, packet.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	by, err := p.Verify(func(a object.AgentID) bool { return a.Same(alice.Agent()) })
	fmt.Println(len(by), err)
	payload, err := p.Decode(nil, nil, packet.Limits{})
	fmt.Printf("%x %v\n", payload, err)
	_, err = p.Verify(func(object.AgentID) bool { return false })
	fmt.Println(err != nil)
	// Output:
	// 1 <nil>
	// 06026869 <nil>
	// true
}
