package packet

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Kinds of a codebook entry.
const (
	EntryOpcode   uint8 = 1
	EntrySmallInt uint8 = 2
	EntryFieldNum uint8 = 3
	EntryEnumTag  uint8 = 4
)

// CodebookEntry gives a codeword to a value; exactly one of the values is present.
type CodebookEntry struct {
	Codeword   uint16       `can:"1,codeword"`
	Kind       uint8        `can:"2,kind"` // 1 opcode, 2 small integer, 3 field number, 4 enumeration tag
	ValueU64   *uint64      `can:"3,value_u64"`
	ValueBytes []byte       `can:"4,value_bytes,optional"`
	ValueHash  *object.Hash `can:"5,value_hash"`
	ValueText  *string      `can:"6,value_text"`
}

// Check refuses unknown kinds and more or less than one value [field-18].
func (e CodebookEntry) Check() error {
	if e.Kind < EntryOpcode || e.Kind > EntryEnumTag {
		return fmt.Errorf("entry kind %d is not known", e.Kind)
	}
	n := 0
	for _, present := range []bool{e.ValueU64 != nil, e.ValueBytes != nil, e.ValueHash != nil, e.ValueText != nil} {
		if present {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("codeword %#04x has %d values, it takes one", e.Codeword, n)
	}
	return nil
}

// framedID is ID, computed once for a codebook in a [Registry], where nobody changes it.
func (c *Codebook) framedID() (object.Hash, error) {
	if c.coders != nil && !c.coders.id.IsZero() {
		return c.coders.id, nil
	}
	return c.ID()
}

// Bounds of a codebook, in bytes.
const (
	MaxDictionary = 1 << 20
	MaxCodebook   = 2 << 20             // the canonical codebook
	MaxOffer      = MaxCodebook + 8<<10 // the canonical offer
)

// Codebook is a set of entries, ascending by codeword, and a zstd dictionary for codec 2. The entries follow the
// papers; the struct and its dictionary are this project's own.
type Codebook struct {
	Entries    []CodebookEntry `can:"1,entries"`
	Dictionary []byte          `can:"2,dictionary,omitzero"` // in zstd's dictionary format

	coders *coders // kept between packets; nil: made for each packet
}

// Check refuses entries out of order and dictionaries that are too large [field-19].
func (c Codebook) Check() error {
	for i := 1; i < len(c.Entries); i++ {
		if c.Entries[i].Codeword <= c.Entries[i-1].Codeword {
			return fmt.Errorf("codeword %#04x is not above the one before it", c.Entries[i].Codeword)
		}
	}
	if len(c.Dictionary) > MaxDictionary {
		return errors.New("the dictionary is too large")
	}
	return nil
}

// ID is the hash of the canonical list of entries or, with a dictionary, of the
// canonical codebook.
func (c Codebook) ID() (object.Hash, error) {
	var raw []byte
	var err error
	if len(c.Dictionary) == 0 {
		raw, err = can.Marshal(c.Entries)
	} else {
		raw, err = can.Marshal(&c)
	}
	if err != nil {
		return object.Hash{}, fmt.Errorf("codebook: %w", err)
	}
	return object.Sum(raw), nil
}

// OpenCodebook reads a codebook from anyone and checks that its dictionary, if any, is valid. Errors wrap
// [ErrCodebook].
func OpenCodebook(raw []byte) (*Codebook, error) {
	if len(raw) > MaxCodebook {
		return nil, fmt.Errorf("%w: a codebook of %d bytes, at most %d are read", ErrCodebook, len(raw), MaxCodebook)
	}
	cb, err := object.Decode[Codebook](raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCodebook, err)
	}
	cb.coders = &coders{}
	if len(cb.Dictionary) > 0 {
		d, err := cb.coders.decoder(cb)
		if err != nil {
			return nil, fmt.Errorf("%w: dictionary: %w", ErrCodebook, err)
		}
		cb.coders.decoders.Put(d)
	}
	return cb, nil
}

// BaselineID is the id of the baseline codebook.
var BaselineID = object.HashOf([32]byte{
	0x7e, 0xd5, 0x09, 0xc7, 0x4d, 0x47, 0xdb, 0x2e, 0xbb, 0xb0, 0x60, 0x8a, 0x8a, 0xa5, 0x13, 0x52,
	0x08, 0xee, 0x8a, 0xbe, 0xc7, 0x69, 0x47, 0x38, 0x30, 0xc7, 0x44, 0x9c, 0xfe, 0x9e, 0xc3, 0x7a,
})

// First codewords of the baseline's ranges.
const (
	baseOpcode   = 0x0100
	baseSmallInt = 0x0200
	baseFieldNum = 0x0300
	baseEnumTag  = 0x0400
)

// Baseline builds the codebook that every peer knows: the 18 opcodes, the
// integers 0 to 255, the field numbers 0 to 255 and the capability kinds 1 to 11.
func Baseline() *Codebook {
	c := &Codebook{}
	add := func(base uint16, kind uint8, value uint64) {
		c.Entries = append(c.Entries, CodebookEntry{Codeword: base + uint16(value), Kind: kind, ValueU64: &value})
	}
	for _, op := range []uint64{
		0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x30, 0x31, 0x32, 0x40, 0x41, 0x42,
	} {
		add(baseOpcode, EntryOpcode, op)
	}
	for n := range uint64(256) {
		add(baseSmallInt, EntrySmallInt, n)
	}
	for n := range uint64(256) {
		add(baseFieldNum, EntryFieldNum, n)
	}
	for kind := range uint64(11) {
		add(baseEnumTag, EntryEnumTag, kind+1)
	}
	return c
}
