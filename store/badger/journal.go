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

	"github.com/mythos-project/mythos/store"
)

// journal is a file of records, each of them the puts of updates that share a sync.
// It is what makes an update durable; Badger learns of it later.
//
//	header   "mythosj1", generation u64, tag 8 bytes, CRC-32C of these; 64 bytes in all
//	record   length u32, CRC-32C u32, tag 8 bytes, then length bytes
//
// Integers are big-endian. The checksum of a record covers tag, offset and content.
// The tag is drawn anew each time the journal is begun, so that what an earlier
// generation left behind in the file is never taken for a record: the file is written
// with zeros once, and from then on a sync has no sizes and no extents to write.
type journal struct {
	path       string
	file       *os.File // nil: there is none yet
	generation uint64   // 0: what it holds is not needed
	tag        [tagSize]byte
	end        int64 // where the next record goes
	size       int64 // of the file
	cut        int64 // bytes of a record that was found behind the last whole one, not written wholly; 0: none
}

const (
	journalMagic  = "mythosj1"
	tagSize       = 8
	headerSize    = 64
	recordHead    = 4 + 4 + tagSize
	journalFirst  = 512 << 10 // bytes of a new file
	journalSpare  = 256 << 10 // bytes that only updates which make room may use
	journalGrowth = 4 << 20   // bytes by which it grows at most, unless a record needs more
)

var journalNames = []string{"journal.0", "journal.1"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// expectation is what the seal says about a journal.
type expectation struct {
	generation uint64 // 0: nothing that it may hold is needed
	tag        [tagSize]byte
	end        int64  // updates were acknowledged up to here; it may go further
	newest     uint64 // generation that was begun last in either journal
}

// openJournal reads what a journal holds: replay is called with the content of each
// record in order, which is its own to keep. A record at the end that was not written
// wholly was not acknowledged either, and is left out. A journal that does not hold what
// is expected wraps store.ErrDamaged.
func openJournal(path string, flag int, want expectation, replay func(content []byte) error) (*journal, error) {
	j := &journal{path: path}
	f, err := openFile(path, flag)
	if errors.Is(err, fs.ErrNotExist) {
		if want.generation > 0 {
			return nil, fmt.Errorf("%w: %s: the journal is missing, and updates that were acknowledged with it", store.ErrDamaged, path)
		}
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	if err := j.read(f, want, replay); err != nil {
		return nil, errors.Join(inFile(path, err), f.Close())
	}
	return j, nil
}

func (j *journal) read(f *os.File, want expectation, replay func([]byte) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return err
	}
	j.file, j.size, j.end = f, info.Size(), headerSize
	whole := j.header(data)
	if want.generation == 0 {
		return j.notNewer(data, want.newest)
	}
	if !whole {
		return fmt.Errorf("%w: the journal's header is damaged", store.ErrDamaged)
	}
	if j.generation != want.generation || j.tag != want.tag {
		return fmt.Errorf("%w: the journal is of another moment of the database: it is generation %d, expected is %d", store.ErrDamaged, j.generation, want.generation)
	}
	for {
		content := j.record(data, j.end)
		if content == nil {
			break
		}
		if err := replay(content); err != nil {
			return err
		}
		j.end += recordHead + int64(len(content))
	}
	if j.end < want.end {
		return fmt.Errorf("%w: the record at byte %d of the journal is damaged or missing: updates were acknowledged up to byte %d", store.ErrDamaged, j.end, want.end)
	}
	j.cut = j.begunAt(data, j.end)
	return j.nothingFollows(data)
}

// header reads the header, and reports whether there is a whole one.
func (j *journal) header(data []byte) bool {
	if len(data) < headerSize {
		return false
	}
	head := data[:headerSize]
	if string(head[:8]) != journalMagic || binary.BigEndian.Uint32(head[24:]) != crc32.Checksum(head[:24], castagnoli) || !allZero(head[28:]) {
		return false
	}
	j.generation, j.tag = binary.BigEndian.Uint64(head[8:]), [tagSize]byte(head[16:24])
	return true
}

// notNewer refuses a journal that goes on where the seal ends: then the seal is older
// than the journal. The next generation may have been begun, with nothing in it, when
// the process ended.
func (j *journal) notNewer(data []byte, newest uint64) error {
	if j.generation > newest+1 || (j.generation == newest+1 && j.record(data, headerSize) != nil) {
		return fmt.Errorf("%w: the journal is of a later moment than the rest of the database: it is generation %d, the newest known is %d", store.ErrDamaged, j.generation, newest)
	}
	j.generation = 0
	return nil
}

// record is the content of the record at offset, nil when there is no whole one.
func (j *journal) record(data []byte, offset int64) []byte {
	if offset+recordHead > int64(len(data)) {
		return nil
	}
	head := data[offset:]
	n := int64(binary.BigEndian.Uint32(head))
	if n == 0 || [tagSize]byte(head[8:recordHead]) != j.tag || offset+recordHead+n > int64(len(data)) {
		return nil
	}
	content := head[recordHead : recordHead+n : recordHead+n]
	if binary.BigEndian.Uint32(head[4:]) != j.checksum(offset, content) {
		return nil
	}
	return content
}

// begunAt is the size of the record at offset by its head, whether it is whole or not; 0
// when there is no head of this generation.
func (j *journal) begunAt(data []byte, offset int64) int64 {
	if offset+recordHead > int64(len(data)) || [tagSize]byte(data[offset+8:offset+recordHead]) != j.tag {
		return 0
	}
	return recordHead + int64(binary.BigEndian.Uint32(data[offset:]))
}

// nothingFollows refuses a journal with a record behind one that is not whole: each is
// durable before the next one is begun, so that only the last one can have been cut off.
// Bytes of a record that was cut off may hold anything, also what looks like a head.
func (j *journal) nothingFollows(data []byte) error {
	if j.cut > 0 && j.begunAt(data, j.end+j.cut) > 0 {
		return fmt.Errorf("%w: the record at byte %d of the journal is damaged", store.ErrDamaged, j.end)
	}
	for from := j.end + 1; from < int64(len(data)); {
		i := bytes.Index(data[from:], j.tag[:])
		if i < 0 {
			return nil
		}
		if at := from + int64(i) - 8; at > j.end && j.record(data, at) != nil {
			return fmt.Errorf("%w: the record at byte %d of the journal is damaged", store.ErrDamaged, j.end)
		}
		from += int64(i) + 1
	}
	return nil
}

func (j *journal) checksum(offset int64, content []byte) uint32 {
	var head [tagSize + 8]byte
	copy(head[:], j.tag[:])
	binary.BigEndian.PutUint64(head[tagSize:], uint64(offset))
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, content)
}

// journalBegun is the size of a journal, and whether anything was written into its zeros. It
// reads a piece at a time: nothing says how large the file is.
func journalBegun(path string) (size int64, begun bool, err error) {
	f, err := openFile(path, os.O_RDONLY)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	for buf := make([]byte, 64<<10); ; {
		n, err := f.Read(buf)
		size, begun = size+int64(n), begun || !allZero(buf[:n])
		if errors.Is(err, io.EOF) {
			return size, begun, nil
		}
		if err != nil {
			return 0, false, err
		}
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// begin empties the journal and makes it that of a generation.
func (j *journal) begin(generation uint64) error {
	if err := j.reserve(0, true); err != nil {
		return err
	}
	if _, err := rand.Read(j.tag[:]); err != nil {
		return err
	}
	head := append(make([]byte, 0, headerSize), journalMagic...)
	head = binary.BigEndian.AppendUint64(head, generation)
	head = append(head, j.tag[:]...)
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if _, err := j.file.WriteAt(head[:headerSize], 0); err != nil {
		return err
	}
	j.generation, j.end = generation, headerSize
	return datasync(j.file)
}

// create makes the file, and makes its name durable.
func (j *journal) create() error {
	f, err := openFile(j.path, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	j.file, j.size = f, 0
	err = j.grow(journalFirst)
	dir, dirErr := os.Open(filepath.Dir(j.path))
	if err = errors.Join(err, dirErr); err == nil {
		err = errors.Join(f.Sync(), dir.Sync())
	}
	if dirErr == nil {
		err = errors.Join(err, dir.Close())
	}
	if err != nil {
		j.file = nil
		err = errors.Join(err, f.Close())
	}
	return err
}

// grow writes zeros up to a size.
func (j *journal) grow(to int64) error {
	zeros := make([]byte, 64<<10)
	for j.size < to {
		n, err := j.file.WriteAt(zeros[:min(int64(len(zeros)), to-j.size)], j.size)
		j.size += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// newRecord is room for a record's head; content is appended to it.
func newRecord(size int64) []byte { return make([]byte, recordHead, recordHead+size) }

// reserve makes room for a record of so many bytes. A full disk is found out here,
// while nothing has been written. Behind the record stays room for those that free some,
// unless this is one of them.
func (j *journal) reserve(n int, frees bool) error {
	if j.file == nil {
		if err := j.create(); err != nil {
			return err
		}
	}
	end := max(j.end, headerSize) + int64(n)
	if !frees {
		end += journalSpare
	}
	if end <= j.size {
		return nil
	}
	err := j.grow(max(end, j.size+min(j.size, journalGrowth)))
	if end <= j.size {
		return nil // it did not grow as far as it would have been good
	}
	return err
}

// append makes a record, begun with newRecord and reserved, durable. After an error
// the journal must be opened anew before it is appended to.
func (j *journal) append(record []byte) error {
	binary.BigEndian.PutUint32(record, uint32(len(record)-recordHead))
	binary.BigEndian.PutUint32(record[4:], j.checksum(j.end, record[recordHead:]))
	copy(record[8:], j.tag[:])
	if _, err := j.file.WriteAt(record, j.end); err != nil {
		return err
	}
	if err := datasync(j.file); err != nil {
		return err
	}
	j.end += int64(len(record))
	return nil
}

// shrink gives the space of an empty journal back.
func (j *journal) shrink() error {
	if j.file == nil || j.size <= journalFirst {
		return nil
	}
	j.size = journalFirst
	return j.file.Truncate(journalFirst)
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// appendPut appends a put to a record; a nil value deletes.
func appendPut(record []byte, key string, value []byte) []byte {
	record = binary.BigEndian.AppendUint32(record, uint32(len(key)))
	n := uint32(0)
	if value != nil {
		n = uint32(len(value)) + 1
	}
	record = binary.BigEndian.AppendUint32(record, n)
	record = append(record, key...)
	return append(record, value...)
}

// putSize is what appendPut appends.
func putSize(key string, value []byte) int64 { return 8 + int64(len(key)+len(value)) }

// eachPut calls fn with the puts of a record's content, in order.
func eachPut(content []byte, fn func(key string, value []byte)) error {
	for len(content) > 0 {
		if len(content) < 8 {
			return fmt.Errorf("%w: a record of the journal ends early", store.ErrDamaged)
		}
		k, v := int64(binary.BigEndian.Uint32(content)), int64(binary.BigEndian.Uint32(content[4:]))
		n := max(v-1, 0)
		if content = content[8:]; k+n > int64(len(content)) {
			return fmt.Errorf("%w: a record of the journal ends early", store.ErrDamaged)
		}
		var value []byte
		if v > 0 {
			value = content[k : k+n : k+n]
		}
		fn(string(content[:k]), value)
		content = content[k+n:]
	}
	return nil
}
