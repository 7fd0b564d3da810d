package badger

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/store"
)

// sealName is the file that says what else the folder must hold. Without it a lost file
// and a new folder look the same.
const sealName = "seal"

// The seal is written in place, with one sync. It has three parts:
//
//	byte 0      the note: 64 bytes, checksummed
//	byte 4096   slot 0
//	the middle  slot 1
//
// A change goes into the older slot, so that a write that was cut off leaves the newer
// one. Slots are numbered; the valid one with the highest number counts. The note is
// rewritten after each update and never synced: it says how far the journal was
// acknowledged. It also repeats the number of the slot, so that a damaged newest slot
// cannot be taken for one that was never written.
const (
	sealMagic = "mythoss1"
	noteMagic = "mythosn1"
	noteSize  = 64
	sealSlots = 4096      // where slot 0 begins
	sealFirst = 64 << 10  // bytes of a new seal file
	sealLimit = 256 << 20 // bytes of the largest seal file
	slotHead  = 8 + 8 + 4 // magic, number, length

	idSize    = 16
	fileFixed = 8 + 4 + 2
)

// seal is what the folder must hold.
type seal struct {
	id    [idSize]byte // of the database, drawn when it was made
	clean bool         // Badger is closed: its files are exactly those listed
	epoch uint64       // counts the times that Badger was opened for writing
	txns  uint64       // transactions of this epoch that Badger acknowledged
	moved uint64       // the newest generation of journals that is wholly in Badger
	begun uint64       // the newest generation that was begun
	tags  [2][tagSize]byte
	ended uint64 // where generation begun-1 ended
	files []dbFile
}

// dbFile is one of Badger's files as it was when Badger was last closed.
type dbFile struct {
	name  string
	size  int64
	print uint32 // fingerprint, see inventory.go
}

// note is how far updates were acknowledged.
type note struct {
	slot  uint64 // number of the newest slot
	epoch uint64
	txns  uint64
	begun uint64
	end   uint64 // of the journal of generation begun
}

// sealFile is the open file of a seal.
type sealFile struct {
	path   string
	file   *os.File
	size   int64
	mu     sync.Mutex // guards the rest while the session runs
	number uint64     // of the newest slot
	seal
	last note
}

// readSeal reads the seal of a folder. The error wraps fs.ErrNotExist when there is none,
// and store.ErrDamaged when it is damaged.
func readSeal(dir string, flag int) (*sealFile, error) {
	s := &sealFile{path: filepath.Join(dir, sealName)}
	f, err := openFile(s.path, flag)
	if err != nil {
		return nil, err
	}
	if err := s.read(f); err != nil {
		return nil, errors.Join(inFile(s.path, err), f.Close())
	}
	return s, nil
}

func (s *sealFile) read(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < sealFirst || info.Size() > sealLimit {
		return fmt.Errorf("%w: the seal has %d bytes", store.ErrDamaged, info.Size())
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, info.Size()), data); err != nil {
		return err
	}
	s.file, s.size = f, info.Size()
	n, err := parseNote(data[:noteSize])
	if err != nil {
		return err
	}
	half := s.slotSize()
	for i := range int64(2) {
		from := sealSlots + i*half
		number, state, ok := parseSlot(data[from : from+half])
		if ok && number > s.number {
			s.number, s.seal = number, state
		}
	}
	if s.number == 0 || n.slot > s.number {
		return fmt.Errorf("%w: its newest state is damaged", store.ErrDamaged)
	}
	s.heed(n)
	return nil
}

// heed takes over what the note knows beyond the slot.
func (s *sealFile) heed(n note) {
	end := uint64(headerSize)
	if n.begun == s.begun {
		end = n.end
	}
	if n.epoch == s.epoch && !s.clean {
		s.txns = max(s.txns, n.txns)
	}
	s.last = s.noteNow(end)
}

// acknowledged is how far the journal of a generation must go.
func (s *sealFile) acknowledged(generation uint64) int64 {
	if generation == s.begun {
		return int64(s.last.end)
	}
	return int64(s.ended)
}

func (s *sealFile) slotSize() int64 { return (s.size - sealSlots) / 2 }

// makeSeal makes the file for a new database.
func makeSeal(dir string) (*sealFile, error) {
	s := &sealFile{path: filepath.Join(dir, sealName), size: sealFirst}
	if _, err := rand.Read(s.id[:]); err != nil {
		return nil, err
	}
	if err := s.rewrite(); err != nil {
		return nil, err
	}
	return s, nil
}

// rewrite writes the whole file anew, and opens it.
func (s *sealFile) rewrite() error {
	s.number++
	body := s.seal.append(nil)
	for s.slotSize() < int64(slotHead+len(body)+4) {
		s.size *= 2
	}
	data := make([]byte, s.size)
	s.last = s.noteNow(s.last.end)
	copy(data, s.last.encode())
	copy(data[sealSlots+int64(s.number&1)*s.slotSize():], encodeSlot(s.number, body))
	if err := atomicfile.Write(s.path, 0o600, data); err != nil {
		return err
	}
	f, err := openFile(s.path, os.O_RDWR)
	if err != nil {
		return err
	}
	err = s.close()
	s.file = f
	return err
}

// change changes the seal, durably. The newest generation was acknowledged up to end.
func (s *sealFile) change(edit func(*seal), end uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.seal)
	s.last.end = end
	body := s.seal.append(nil)
	if int64(slotHead+len(body)+4) > s.slotSize() {
		return s.rewrite()
	}
	s.number++
	if _, err := s.file.WriteAt(encodeSlot(s.number, body), sealSlots+int64(s.number&1)*s.slotSize()); err != nil {
		return err
	}
	if err := datasync(s.file); err != nil {
		return err
	}
	return s.note()
}

// acknowledge takes down that the newest generation was acknowledged up to end. That is
// not synced: what it tells was durable before.
func (s *sealFile) acknowledge(end int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.end = uint64(end)
	return s.note()
}

// acknowledgeTxns takes down how many transactions Badger has acknowledged.
func (s *sealFile) acknowledgeTxns(n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txns = n
	return s.note()
}

// note writes the note; mu is held.
func (s *sealFile) note() error {
	s.last = s.noteNow(s.last.end)
	_, err := s.file.WriteAt(s.last.encode(), 0)
	return err
}

// movedNow is the newest generation that is in Badger, which changes in the background.
func (s *sealFile) movedNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}

// endNow is how far the newest generation was acknowledged.
func (s *sealFile) endNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.end
}

func (s *sealFile) noteNow(end uint64) note { return note{s.number, s.epoch, s.txns, s.begun, end} }

func (s *sealFile) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func (n note) encode() []byte {
	b := append(make([]byte, 0, noteSize), noteMagic...)
	for _, v := range []uint64{n.slot, n.epoch, n.txns, n.begun, n.end} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:noteSize]
}

func parseNote(b []byte) (n note, err error) {
	const body = 8 + 5*8
	if string(b[:8]) != noteMagic || binary.BigEndian.Uint32(b[body:]) != crc32.Checksum(b[:body], castagnoli) {
		return n, fmt.Errorf("%w: its first 64 bytes are damaged", store.ErrDamaged)
	}
	for i, p := range []*uint64{&n.slot, &n.epoch, &n.txns, &n.begun, &n.end} {
		*p = binary.BigEndian.Uint64(b[8+8*i:])
	}
	return n, nil
}

func encodeSlot(number uint64, body []byte) []byte {
	b := append(make([]byte, 0, slotHead+len(body)+4), sealMagic...)
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseSlot reads a slot; one that is not whole is none.
func parseSlot(b []byte) (number uint64, state seal, ok bool) {
	if string(b[:8]) != sealMagic {
		return 0, seal{}, false
	}
	n := int(binary.BigEndian.Uint32(b[16:]))
	if n > len(b)-slotHead-4 {
		return 0, seal{}, false
	}
	end := slotHead + n
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return 0, seal{}, false
	}
	state, ok = parseState(b[slotHead:end])
	return binary.BigEndian.Uint64(b[8:]), state, ok
}

func (s *seal) append(b []byte) []byte {
	b = append(b, s.id[:]...)
	flag := byte(0)
	if s.clean {
		flag = 1
	}
	b = append(b, flag)
	for _, v := range []uint64{s.epoch, s.txns, s.moved, s.begun, s.ended} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	b = append(append(b, s.tags[0][:]...), s.tags[1][:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.files)))
	for _, f := range s.files {
		b = binary.BigEndian.AppendUint64(b, uint64(f.size))
		b = binary.BigEndian.AppendUint32(b, f.print)
		b = binary.BigEndian.AppendUint16(b, uint16(len(f.name)))
		b = append(b, f.name...)
	}
	return b
}

func parseState(b []byte) (s seal, ok bool) {
	r := bytes.NewBuffer(b)
	if r.Len() < idSize+1+5*8+2*tagSize+4 {
		return s, false
	}
	copy(s.id[:], r.Next(idSize))
	s.clean = r.Next(1)[0] == 1
	for _, p := range []*uint64{&s.epoch, &s.txns, &s.moved, &s.begun, &s.ended} {
		*p = binary.BigEndian.Uint64(r.Next(8))
	}
	copy(s.tags[0][:], r.Next(tagSize))
	copy(s.tags[1][:], r.Next(tagSize))
	n := binary.BigEndian.Uint32(r.Next(4))
	for range n {
		if r.Len() < fileFixed {
			return s, false
		}
		f := dbFile{size: int64(binary.BigEndian.Uint64(r.Next(8))), print: binary.BigEndian.Uint32(r.Next(4))}
		length := int(binary.BigEndian.Uint16(r.Next(2)))
		if r.Len() < length {
			return s, false
		}
		f.name = string(r.Next(length))
		s.files = append(s.files, f)
	}
	return s, r.Len() == 0
}

// listed finds a file of the inventory.
func (s *seal) listed(name string) (dbFile, bool) {
	for _, f := range s.files {
		if f.name == name {
			return f, true
		}
	}
	return dbFile{}, false
}

// noSeal says whether err is that of a folder without a seal.
func noSeal(err error) bool { return errors.Is(err, fs.ErrNotExist) }
