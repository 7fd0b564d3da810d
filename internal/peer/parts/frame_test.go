package parts

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// FuzzFrame compares the reader of frames with the decoder of objects: both refuse the same, and read the same.
func FuzzFrame(f *testing.F) {
	var b bytes.Buffer
	for _, p := range []transfer.Part{
		{Kind: "bytes", ID: object.Sum(nil), Data: []byte("some")},
		{Kind: frameEnd, ID: object.Sum([]byte("x")), Data: []byte{}},
	} {
		if err := writeFrame(&b, p); err != nil {
			f.Fatal(err)
		}
	}
	raw := b.Bytes()
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	wide := struct {
		Kind  string      `can:"1,kind"`
		ID    object.Hash `can:"2,id"`
		Data  []byte      `can:"3,data"`
		Later uint64      `can:"9,later"`
	}{"bytes", object.Sum(nil), []byte{1}, 7}
	later, err := can.Marshal(&wide)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(later))), later...))
	f.Add(binary.BigEndian.AppendUint32(nil, maxFrame+1))
	f.Fuzz(func(t *testing.T, in []byte) {
		for r := bytes.NewReader(in); ; {
			at := len(in) - r.Len()
			p, err := readFrame(r, new([]byte))
			if len(in)-at < 4 {
				if err == nil {
					t.Fatal("a frame without a length")
				}
				return
			}
			n := int(binary.BigEndian.Uint32(in[at:]))
			if n > maxFrame || n > len(in)-at-4 {
				if err == nil {
					t.Fatalf("a frame of %d bytes out of %d", n, len(in)-at-4)
				}
				return
			}
			want, werr := object.Decode[transfer.Part](in[at+4 : at+4+n])
			if (err == nil) != (werr == nil) {
				t.Fatalf("%v, the decoder says %v", err, werr)
			}
			if err != nil {
				return
			}
			var again bytes.Buffer
			if err := writeFrame(&again, p); err != nil {
				t.Fatal(err)
			}
			if known, err := can.Marshal(want); err != nil || !bytes.Equal(again.Bytes()[4:], known) {
				t.Fatalf("written as %x, the encoder writes %x: %v", again.Bytes()[4:], known, err)
			}
			if !reflect.DeepEqual(p, *want) && (len(p.Data) > 0 || len(want.Data) > 0) {
				t.Fatalf("%v, the decoder reads %v", p, *want)
			}
		}
	})
}
