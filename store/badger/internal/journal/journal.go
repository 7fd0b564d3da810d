// Package journal makes updates durable before Badger gets them. A journal is a file of records that was filled with
// zeros once, so that a sync writes only data.
package journal

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
	"syscall"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
)

// File is a file of records. A record has the puts of updates that share a sync. The record makes them durable; Badger
// gets them later.
//
//	header   "mythosj1", generation u64, tag 8 bytes, CRC-32C of these; 64 bytes in all
//	record   length u32, CRC-32C u32, tag 8 bytes, then length bytes
//
// Integers are big-endian. The checksum of a record covers tag, offset and content. The tag is drawn anew each time the
// journal is begun, so that remains of an earlier generation are never taken for a record. The file is filled with
// zeros once; from then on a sync has no sizes and no extents to write.
type File struct {
	Tag        [TagSize]byte
	End        int64 // where the next record goes
	Cut        int64 // size of an incomplete record after the last complete one; 0: none
	path       string
	file       *os.File // nil: no file yet
	generation uint64   // 0: its content is not needed
	size       int64    // of the file
}

// Sizes in bytes.
const (
	TagSize    = 8
	HeaderSize = 64
	MaxRecord  = 4 << 20 // of the content of a record
	maxSize    = 1 << 30 // of a file: its content is moved to Badger long before
	recordHead = 4 + 4 + TagSize
	firstSize  = 512 << 10 // of a new file
	spare      = 256 << 10 // for updates that make room only
	growth     = 4 << 20   // largest step of growth, unless a record needs more
)

const magic = "mythosj1"

// Names are the names of a database's two journals, which are used alternately.
var Names = []string{"journal.0", "journal.1"}

// Expected is the seal's statement about a journal.
type Expected struct {
	Generation uint64 // 0: nothing in it is needed
	Tag        [TagSize]byte
	End        int64  // updates were acknowledged up to here; the journal may be longer
	Newest     uint64 // newest generation begun in either journal
}

// Open reads the content of a journal: it calls replay with each record's content in order, which replay may keep. An
// incomplete record at the end was never acknowledged; Open ignores it. If the journal does not match the seal, the
// error wraps store.ErrDamaged.
func Open(path string, flag int, want Expected, replay func(content []byte) error) (*File, error) {
	j := &File{path: path}
	f, err := folder.Open(path, flag)
	if errors.Is(err, fs.ErrNotExist) {
		if want.Generation > 0 {
			return nil, fmt.Errorf("%w: %s: the journal is missing, and updates that were acknowledged with it", store.ErrDamaged, path)
		}
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	if err := j.read(f, want, replay); err != nil {
		return nil, errors.Join(folder.In(path, err), f.Close())
	}
	return j, nil
}

func (j *File) checksum(offset int64, content []byte) uint32 {
	var head [TagSize + 8]byte
	copy(head[:], j.Tag[:])
	binary.BigEndian.PutUint64(head[TagSize:], uint64(offset))
	return crc32.Update(crc32.Checksum(head[:], folder.Castagnoli), folder.Castagnoli, content)
}

// Begun is the size of a journal, and whether anything was written into its zeros. It reads a piece at a time, because
// the file may be large.
func Begun(path string) (size int64, begun bool, err error) {
	f, err := folder.Open(path, os.O_RDONLY)
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

// Begin empties the journal and starts a generation in it.
func (j *File) Begin(generation uint64) error {
	if err := j.Reserve(0, true); err != nil {
		return err
	}
	if _, err := rand.Read(j.Tag[:]); err != nil {
		return err
	}
	head := append(make([]byte, 0, HeaderSize), magic...)
	head = binary.BigEndian.AppendUint64(head, generation)
	head = append(head, j.Tag[:]...)
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(head, folder.Castagnoli))
	if _, err := j.file.WriteAt(head[:HeaderSize], 0); err != nil {
		return err
	}
	j.generation, j.End = generation, HeaderSize
	return folder.Datasync(j.file)
}

// Make makes a journal without a generation.
func Make(path string) error {
	j := &File{path: path}
	return errors.Join(j.create(), j.Close())
}

// create makes the file and makes its name durable.
func (j *File) create() error {
	f, err := folder.Open(j.path, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	j.file, j.size = f, 0
	err = j.grow(firstSize)
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

// grow appends zeros up to a size.
func (j *File) grow(to int64) error {
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

// NewRecord returns a buffer with room for a record's head; append the content to it.
func NewRecord(size int64) []byte { return make([]byte, recordHead, recordHead+size) }

// Content is the content of a record that NewRecord began.
func Content(record []byte) []byte { return record[recordHead:] }

// Reserve makes room for a record of so many bytes, so that a full disk is noticed before anything is written. It
// leaves room for records that free some, unless this is such a record.
func (j *File) Reserve(n int, frees bool) error {
	if j.file == nil {
		if err := j.create(); err != nil {
			return err
		}
	}
	end := max(j.End, HeaderSize) + int64(n)
	if !frees {
		end += spare
	}
	if end <= j.size {
		return nil
	}
	if end > maxSize {
		return fmt.Errorf("%s has %d bytes, and none may have more than %d: %w", j.path, j.size, int64(maxSize), syscall.ENOSPC)
	}
	err := j.grow(max(end, j.size+min(j.size, growth)))
	if end <= j.size {
		return nil // the file grew less than desired, but enough
	}
	return err
}

// Append makes a record durable. NewRecord began it, and Reserve made room for it. After an error, open the journal
// again before the next append.
func (j *File) Append(record []byte) error {
	binary.BigEndian.PutUint32(record, uint32(len(record)-recordHead))
	binary.BigEndian.PutUint32(record[4:], j.checksum(j.End, record[recordHead:]))
	copy(record[8:], j.Tag[:])
	if _, err := j.file.WriteAt(record, j.End); err != nil {
		return err
	}
	if err := folder.Datasync(j.file); err != nil {
		return err
	}
	j.End += int64(len(record))
	return nil
}

// Shrink frees the space of an empty journal.
func (j *File) Shrink() error {
	if j.file == nil || j.size <= firstSize {
		return nil
	}
	j.size = firstSize
	return j.file.Truncate(firstSize)
}

func (j *File) Close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// AppendPut appends a put to a record; a nil value deletes.
func AppendPut(record []byte, key string, value []byte) []byte {
	record = binary.BigEndian.AppendUint32(record, uint32(len(key)))
	n := uint32(0)
	if value != nil {
		n = uint32(len(value)) + 1
	}
	record = binary.BigEndian.AppendUint32(record, n)
	record = append(record, key...)
	return append(record, value...)
}

// PutSize is the number of bytes that AppendPut appends.
func PutSize(key string, value []byte) int64 { return 8 + int64(len(key)+len(value)) }

// EachPut calls fn with the puts of a record's content, in order.
func EachPut(content []byte, fn func(key string, value []byte)) error {
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
