package scope

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// BlobRead allows reading a blob, or one range of its plain bytes.
type BlobRead struct {
	CID        object.Hash `can:"1,cid"`
	RangeStart *uint64     `can:"2,range_start"` // bytes; absent: 0
	RangeLen   *uint64     `can:"3,range_len"`   // bytes; absent: to the end
}

// BlobWrite allows storing blobs under a namespace.
type BlobWrite struct {
	Namespace  string   `can:"1,namespace"`
	MaxSize    uint64   `can:"2,max_size"`    // stored bytes in all; 2^64-1: no limit
	MediaAllow []string `can:"3,media_allow"` // media types or patterns; empty: none
}

// BlobPin allows pinning a blob.
type BlobPin struct {
	CID   object.Hash `can:"1,cid"`
	TTLus uint64      `can:"2,ttl_us"` // microseconds, the longest pin; 2^64-1: forever
}

// BlobDelete allows deleting a blob.
type BlobDelete struct {
	CID object.Hash `can:"1,cid"`
}

// Kind is KindBlobRead.
func (*BlobRead) Kind() uint8 { return KindBlobRead }

// Kind is KindBlobWrite.
func (*BlobWrite) Kind() uint8 { return KindBlobWrite }

// Kind is KindBlobPin.
func (*BlobPin) Kind() uint8 { return KindBlobPin }

// Kind is KindBlobDelete.
func (*BlobDelete) Kind() uint8 { return KindBlobDelete }

func (*BlobRead) limits() []Amount    { return nil }
func (s *BlobWrite) limits() []Amount { return limit64(nil, Bytes, s.MaxSize) }
func (*BlobPin) limits() []Amount     { return nil }
func (*BlobDelete) limits() []Amount  { return nil }
func sameHash(of string, a, b object.Hash) error {
	if a != b {
		return fmt.Errorf("%s %s is not %s", of, a.Short(), b.Short())
	}
	return nil
}

// span is the range as [start, end); the end of an open range is the largest number.
func (s *BlobRead) span() (start, end uint64) {
	if s.RangeStart != nil {
		start = *s.RangeStart
	}
	if s.RangeLen == nil || *s.RangeLen > math.MaxUint64-start {
		return start, math.MaxUint64
	}
	return start, start + *s.RangeLen
}

func (s *BlobRead) within(parent Scope) error {
	p, ok := parent.(*BlobRead)
	if !ok {
		return errKinds
	}
	if err := sameHash("blob", s.CID, p.CID); err != nil {
		return err
	}
	return p.holds(s.span())
}

func (s *BlobRead) holds(start, end uint64) error {
	if from, to := s.span(); start < from || end > to {
		return fmt.Errorf("bytes %s are not inside %s", spanText(start, end), spanText(from, to))
	}
	return nil
}

func spanText(start, end uint64) string {
	if end == math.MaxUint64 {
		return fmt.Sprintf("%d to the end", start)
	}
	return fmt.Sprintf("%d up to %d", start, end)
}

func (s *BlobRead) covers(u *Use) error {
	if err := sameHash("blob", u.CID, s.CID); err != nil {
		return err
	}
	end := uint64(math.MaxUint64)
	if u.Length != 0 && u.Length <= math.MaxUint64-u.Offset {
		end = u.Offset + u.Length
	}
	return s.holds(u.Offset, end)
}

func (s *BlobRead) text() string {
	t := s.CID.String()
	if s.RangeStart == nil && s.RangeLen == nil {
		return t
	}
	t += "@"
	if s.RangeStart != nil {
		t += strconv.FormatUint(*s.RangeStart, 10)
	}
	if s.RangeLen != nil {
		t += "+" + strconv.FormatUint(*s.RangeLen, 10)
	}
	return t
}

func (s *BlobRead) words() string {
	if s.RangeStart == nil && s.RangeLen == nil {
		return "read blob " + s.CID.Short()
	}
	return fmt.Sprintf("read bytes %s of blob %s", spanText(s.span()), s.CID.Short())
}

func (s *BlobWrite) within(parent Scope) error {
	p, ok := parent.(*BlobWrite)
	if !ok {
		return errKinds
	}
	if s.Namespace != p.Namespace {
		return fmt.Errorf("namespace %q is not %q", s.Namespace, p.Namespace)
	}
	for _, m := range s.MediaAllow {
		if !mediaAllowed(p.MediaAllow, m) {
			return fmt.Errorf("media type %q is not allowed", m)
		}
	}
	return nil
}

// mediaAllowed reports whether one of the patterns covers a media type, or every type of a narrower pattern.
func mediaAllowed(patterns []string, media string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if p == media || p == "*/*" {
			return true
		}
		major, all := strings.CutSuffix(p, "/*")
		return all && major != "" && strings.HasPrefix(media, major+"/")
	})
}

func (s *BlobWrite) covers(u *Use) error {
	if u.Namespace != s.Namespace {
		return fmt.Errorf("namespace %q is not %q", u.Namespace, s.Namespace)
	}
	if !mediaAllowed(s.MediaAllow, u.Media) {
		return fmt.Errorf("media type %q is not allowed", u.Media)
	}
	return nil
}

func (s *BlobWrite) text() string {
	t := escape(s.Namespace, "")
	if s.MaxSize != NoLimit64 {
		t += ",max=" + units.FormatSize(s.MaxSize)
	} else {
		t += ",max=none"
	}
	allowed := make([]string, len(s.MediaAllow))
	for i, m := range s.MediaAllow {
		allowed[i] = escape(m, "|")
	}
	if len(allowed) == 0 {
		return t + ",nomedia"
	}
	return t + ",media=" + strings.Join(allowed, "|")
}

func (s *BlobWrite) words() string {
	w := fmt.Sprintf("store blobs in namespace %q", s.Namespace)
	if s.MaxSize != NoLimit64 {
		w += ", " + units.FormatSize(s.MaxSize) + " in all"
	}
	switch {
	case len(s.MediaAllow) == 0:
		return w + ", of no media type"
	case slices.Contains(s.MediaAllow, "*/*"):
		return w
	}
	return fmt.Sprintf("%s, of media types %q", w, s.MediaAllow)
}

func (s *BlobPin) within(parent Scope) error {
	p, ok := parent.(*BlobPin)
	if !ok {
		return errKinds
	}
	if s.TTLus > p.TTLus {
		return fmt.Errorf("pins for %s, its parent for %s", s.term(), p.term())
	}
	return sameHash("blob", s.CID, p.CID)
}

func (s *BlobPin) term() string {
	if s.TTLus == NoLimit64 {
		return "ever"
	}
	return units.FormatMicros(s.TTLus)
}

func (s *BlobPin) covers(u *Use) error {
	if err := sameHash("blob", u.CID, s.CID); err != nil {
		return err
	}
	if asked := u.ttlMicros(); asked > s.TTLus {
		return fmt.Errorf("a pin for %s is longer than %s", (&BlobPin{TTLus: asked}).term(), s.term())
	}
	return nil
}

func (s *BlobPin) text() string  { return s.CID.String() + ",ttl=" + s.term() }
func (s *BlobPin) words() string { return "pin blob " + s.CID.Short() + " for " + s.term() }

func (s *BlobDelete) within(parent Scope) error {
	p, ok := parent.(*BlobDelete)
	if !ok {
		return errKinds
	}
	return sameHash("blob", s.CID, p.CID)
}

func (s *BlobDelete) covers(u *Use) error { return sameHash("blob", u.CID, s.CID) }
func (s *BlobDelete) text() string        { return s.CID.String() }
func (s *BlobDelete) words() string       { return "delete blob " + s.CID.Short() }

var errKinds = errors.New("scopes of different kinds")
