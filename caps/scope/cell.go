package scope

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// CellRead allows reading the keys of a cell that begin with a prefix.
type CellRead struct {
	CellID    object.Hash `can:"1,cell_id"`
	KeyPrefix []byte      `can:"2,key_prefix,optional"` // absent or empty: all keys
}

// CellWrite allows appending events to a cell.
type CellWrite struct {
	CellID         object.Hash `can:"1,cell_id"`
	MaxEvents      uint32      `can:"2,max_events"`                // 2^32-1: no limit
	EventTypeAllow []uint32    `can:"3,event_type_allow,optional"` // absent: any type; empty: none
}

// Kind is KindCellRead.
func (*CellRead) Kind() uint8 { return KindCellRead }

// Kind is KindCellWrite.
func (*CellWrite) Kind() uint8 { return KindCellWrite }

func (*CellRead) limits() []Amount    { return nil }
func (s *CellWrite) limits() []Amount { return limit32(nil, Events, s.MaxEvents) }

func (s *CellRead) within(parent Scope) error {
	p, ok := parent.(*CellRead)
	if !ok {
		return errKinds
	}
	if !bytes.HasPrefix(s.KeyPrefix, p.KeyPrefix) {
		return fmt.Errorf("key prefix %q does not begin with %q", s.KeyPrefix, p.KeyPrefix)
	}
	return sameHash("cell", s.CellID, p.CellID)
}

func (s *CellRead) covers(u *Use) error {
	if !bytes.HasPrefix(u.Key, s.KeyPrefix) {
		return fmt.Errorf("key %q does not begin with %q", u.Key, s.KeyPrefix)
	}
	return sameHash("cell", u.Cell, s.CellID)
}

func (s *CellWrite) within(parent Scope) error {
	p, ok := parent.(*CellWrite)
	if !ok {
		return errKinds
	}
	if p.EventTypeAllow != nil && s.EventTypeAllow == nil {
		return fmt.Errorf("it allows every event type, its parent only %v", p.EventTypeAllow)
	}
	if err := p.allows(s.EventTypeAllow); err != nil {
		return err
	}
	return sameHash("cell", s.CellID, p.CellID)
}

func (s *CellWrite) allows(types []uint32) error {
	if s.EventTypeAllow == nil {
		return nil
	}
	for _, t := range types {
		if !slices.Contains(s.EventTypeAllow, t) {
			return fmt.Errorf("event type %d is not among %v", t, s.EventTypeAllow)
		}
	}
	return nil
}

func (s *CellWrite) covers(u *Use) error {
	if s.EventTypeAllow != nil && len(u.EventTypes) == 0 {
		return fmt.Errorf("the events' types are not given, only %v are allowed", s.EventTypeAllow)
	}
	if err := s.allows(u.EventTypes); err != nil {
		return err
	}
	return sameHash("cell", u.Cell, s.CellID)
}

// hexMark begins a key prefix that is written in hex.
const hexMark = "hex:"

func (s *CellRead) text() string {
	switch p := string(s.KeyPrefix); {
	case s.KeyPrefix == nil:
		return s.CellID.String()
	case strings.HasPrefix(p, hexMark), !object.Printable(p):
		return s.CellID.String() + ",prefix=" + hexMark + hex.EncodeToString(s.KeyPrefix)
	default:
		return s.CellID.String() + ",prefix=" + escape(p, "")
	}
}

func (s *CellRead) words() string {
	if len(s.KeyPrefix) == 0 {
		return "read cell " + s.CellID.Short()
	}
	return fmt.Sprintf("read the keys of cell %s that begin with %q", s.CellID.Short(), s.KeyPrefix)
}

func (s *CellWrite) text() string {
	t := s.CellID.String() + fields(s.limits())
	switch {
	case s.EventTypeAllow == nil:
		return t
	case len(s.EventTypeAllow) == 0:
		return t + ",notypes"
	}
	types := make([]string, len(s.EventTypeAllow))
	for i, n := range s.EventTypeAllow {
		types[i] = strconv.FormatUint(uint64(n), 10)
	}
	return t + ",types=" + strings.Join(types, "|")
}

func (s *CellWrite) words() string {
	w := "append events to cell " + s.CellID.Short() + atMost(s.limits())
	if s.EventTypeAllow != nil {
		w += fmt.Sprintf(", of types %v only", s.EventTypeAllow)
	}
	return w
}
