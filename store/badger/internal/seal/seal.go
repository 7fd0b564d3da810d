// Package seal records the required content of a database's folder. Without it a lost file and a new folder look the
// same.
package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
	"github.com/mythos-project/mythos/store/badger/internal/journal"
)

// Name is the name of the file.
const Name = "seal"

// The seal is written in place, with one sync. It has three parts:
//
//	byte 0      the note: 64 bytes, checksummed
//	byte 4096   slot 0
//	the middle  slot 1
//
// A change goes into the older slot, so that an interrupted write leaves the newer one intact. Slots are numbered; the
// valid one with the highest number counts. The note is rewritten after each update and never synced: it says how far
// the journal was acknowledged. It also repeats the number of the newest slot, so that a damaged newest slot cannot
// pass for one that was never written.
const (
	slotMagic = "mythoss1"
	noteMagic = "mythosn1"
	noteSize  = 64
	slots     = 4096      // where slot 0 begins
	firstSize = 64 << 10  // bytes of a new seal file
	limit     = 256 << 20 // bytes of the largest seal file
	slotHead  = 8 + 8 + 4 // magic, number, length
	fileFixed = 8 + 4 + 2
)

// IDSize is the size of a database's id, in bytes.
const IDSize = 16

// State is the required content of the folder.
type State struct {
	ID    [IDSize]byte // of the database, random, set when it was made
	Clean bool         // Badger is closed: its files are exactly those listed
	Epoch uint64       // counts the times that Badger was opened for writing
	Txns  uint64       // transactions of this epoch that Badger acknowledged
	Moved uint64       // the newest generation of journals that is completely in Badger
	Begun uint64       // the newest generation that was begun
	Tags  [2][journal.TagSize]byte
	Ended uint64 // where generation begun-1 ended
	Files []Listed
}

// Listed is one of Badger's files as it was when Badger was last closed.
type Listed struct {
	Name  string
	size  int64
	print uint32 // fingerprint, see inventory.go
}

// note says how far updates were acknowledged.
type note struct {
	slot  uint64 // number of the newest slot
	epoch uint64
	txns  uint64
	begun uint64
	end   uint64 // of the journal of generation begun
}

// File is the open file of a seal.
type File struct {
	path   string
	file   *os.File
	size   int64
	mu     sync.Mutex // guards the rest during the session
	number uint64     // of the newest slot
	State
	last note
}

// Read reads the seal of a folder. The error wraps fs.ErrNotExist if there is none, and store.ErrDamaged if it is
// damaged.
func Read(dir string, flag int) (*File, error) {
	s := &File{path: filepath.Join(dir, Name)}
	f, err := folder.Open(s.path, flag)
	if err != nil {
		return nil, err
	}
	if err := s.read(f); err != nil {
		return nil, errors.Join(folder.In(s.path, err), f.Close())
	}
	return s, nil
}

func (s *File) read(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < firstSize || info.Size() > limit {
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
		from := slots + i*half
		number, state, ok := parseSlot(data[from : from+half])
		if ok && number > s.number {
			s.number, s.State = number, state
		}
	}
	if s.number == 0 || n.slot > s.number {
		return fmt.Errorf("%w: its newest state is damaged", store.ErrDamaged)
	}
	s.heed(n)
	return nil
}

// heed takes over what the note knows beyond the slot.
func (s *File) heed(n note) {
	end := uint64(journal.HeaderSize)
	if n.begun == s.Begun {
		end = n.end
	}
	if n.epoch == s.Epoch && !s.Clean {
		s.Txns = max(s.Txns, n.txns)
	}
	s.last = s.noteNow(end)
}

// Acknowledged is the least end of the journal of a generation.
func (s *File) Acknowledged(generation uint64) int64 {
	if generation == s.Begun {
		return int64(s.last.end)
	}
	return int64(s.Ended)
}

func (s *File) slotSize() int64 { return (s.size - slots) / 2 }

// Make makes the file for a new database.
func Make(dir string) (*File, error) {
	s := &File{path: filepath.Join(dir, Name), size: firstSize}
	if _, err := rand.Read(s.ID[:]); err != nil {
		return nil, err
	}
	if err := s.rewrite(); err != nil {
		return nil, err
	}
	return s, nil
}

// rewrite writes the whole file again, and opens it.
func (s *File) rewrite() error {
	s.number++
	body := s.State.append(nil)
	for s.slotSize() < int64(slotHead+len(body)+4) {
		s.size *= 2
	}
	data := make([]byte, s.size)
	s.last = s.noteNow(s.last.end)
	copy(data, s.last.encode())
	copy(data[slots+int64(s.number&1)*s.slotSize():], encodeSlot(s.number, body))
	if err := atomicfile.Write(s.path, 0o600, data); err != nil {
		return err
	}
	f, err := folder.Open(s.path, os.O_RDWR)
	if err != nil {
		return err
	}
	err = s.Close()
	s.file = f
	return err
}

// Change changes the seal durably. The newest generation was acknowledged up to end.
func (s *File) Change(edit func(*State), end uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.State)
	s.last.end = end
	body := s.State.append(nil)
	if int64(slotHead+len(body)+4) > s.slotSize() {
		return s.rewrite()
	}
	s.number++
	if _, err := s.file.WriteAt(encodeSlot(s.number, body), slots+int64(s.number&1)*s.slotSize()); err != nil {
		return err
	}
	if err := folder.Datasync(s.file); err != nil {
		return err
	}
	return s.note()
}

// Acknowledge records that the newest generation was acknowledged up to end. It does not sync: the updates themselves
// are durable already.
func (s *File) Acknowledge(end int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.end = uint64(end)
	return s.note()
}

// AcknowledgeTxns records how many transactions Badger has acknowledged.
func (s *File) AcknowledgeTxns(n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Txns = n
	return s.note()
}

// note writes the note; mu is held.
func (s *File) note() error {
	s.last = s.noteNow(s.last.end)
	_, err := s.file.WriteAt(s.last.encode(), 0)
	return err
}

// MovedNow is the newest generation that is in Badger. It changes in the background.
func (s *File) MovedNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Moved
}

// CountsNow returns the epoch and the number of its transactions that Badger has acknowledged.
func (s *File) CountsNow() (epoch, txns uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Epoch, s.Txns
}

// EndNow is the acknowledged end of the newest generation.
func (s *File) EndNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.end
}

func (s *File) noteNow(end uint64) note { return note{s.number, s.Epoch, s.Txns, s.Begun, end} }

func (s *File) Close() error {
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
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, folder.Castagnoli))
	return b[:noteSize]
}

func parseNote(b []byte) (n note, err error) {
	const body = 8 + 5*8
	if string(b[:8]) != noteMagic || binary.BigEndian.Uint32(b[body:]) != crc32.Checksum(b[:body], folder.Castagnoli) {
		return n, fmt.Errorf("%w: its first 64 bytes are damaged", store.ErrDamaged)
	}
	for i, p := range []*uint64{&n.slot, &n.epoch, &n.txns, &n.begun, &n.end} {
		*p = binary.BigEndian.Uint64(b[8+8*i:])
	}
	return n, nil
}

func encodeSlot(number uint64, body []byte) []byte {
	b := append(make([]byte, 0, slotHead+len(body)+4), slotMagic...)
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, folder.Castagnoli))
}

// parseSlot reads a slot. ok is false if the slot is incomplete.
func parseSlot(b []byte) (number uint64, state State, ok bool) {
	if string(b[:8]) != slotMagic {
		return 0, State{}, false
	}
	n := int(binary.BigEndian.Uint32(b[16:]))
	if n > len(b)-slotHead-4 {
		return 0, State{}, false
	}
	end := slotHead + n
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], folder.Castagnoli) {
		return 0, State{}, false
	}
	state, ok = parseState(b[slotHead:end])
	return binary.BigEndian.Uint64(b[8:]), state, ok
}

func (s *State) append(b []byte) []byte {
	b = append(b, s.ID[:]...)
	flag := byte(0)
	if s.Clean {
		flag = 1
	}
	b = append(b, flag)
	for _, v := range []uint64{s.Epoch, s.Txns, s.Moved, s.Begun, s.Ended} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	b = append(append(b, s.Tags[0][:]...), s.Tags[1][:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Files)))
	for _, f := range s.Files {
		b = binary.BigEndian.AppendUint64(b, uint64(f.size))
		b = binary.BigEndian.AppendUint32(b, f.print)
		b = binary.BigEndian.AppendUint16(b, uint16(len(f.Name)))
		b = append(b, f.Name...)
	}
	return b
}

func parseState(b []byte) (s State, ok bool) {
	r := bytes.NewBuffer(b)
	if r.Len() < IDSize+1+5*8+2*journal.TagSize+4 {
		return s, false
	}
	copy(s.ID[:], r.Next(IDSize))
	s.Clean = r.Next(1)[0] == 1
	for _, p := range []*uint64{&s.Epoch, &s.Txns, &s.Moved, &s.Begun, &s.Ended} {
		*p = binary.BigEndian.Uint64(r.Next(8))
	}
	copy(s.Tags[0][:], r.Next(journal.TagSize))
	copy(s.Tags[1][:], r.Next(journal.TagSize))
	n := binary.BigEndian.Uint32(r.Next(4))
	for range n {
		if r.Len() < fileFixed {
			return s, false
		}
		f := Listed{size: int64(binary.BigEndian.Uint64(r.Next(8))), print: binary.BigEndian.Uint32(r.Next(4))}
		length := int(binary.BigEndian.Uint16(r.Next(2)))
		if r.Len() < length {
			return s, false
		}
		f.Name = string(r.Next(length))
		s.Files = append(s.Files, f)
	}
	return s, r.Len() == 0
}

// listed finds a file of the inventory.
func (s *State) listed(name string) (Listed, bool) {
	for _, f := range s.Files {
		if f.Name == name {
			return f, true
		}
	}
	return Listed{}, false
}
