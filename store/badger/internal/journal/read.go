package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
)

// pages reads a file a piece at a time. The bytes it returns stay unchanged.
type pages struct {
	file io.ReaderAt
	size int64
	from int64 // offset of data in the file
	data []byte
}

const pageSize = 1 << 20 // bytes read at once, unless a record needs more

// at returns n bytes; nil if the file ends before.
func (p *pages) at(offset, n int64) ([]byte, error) {
	if offset+n > p.size {
		return nil, nil
	}
	if offset < p.from || offset+n > p.from+int64(len(p.data)) {
		data := make([]byte, min(max(n, pageSize), p.size-offset))
		if _, err := io.ReadFull(io.NewSectionReader(p.file, offset, int64(len(data))), data); err != nil {
			return nil, err
		}
		p.from, p.data = offset, data
	}
	i := offset - p.from
	return p.data[i : i+n : i+n], nil
}

func (j *File) read(f *os.File, want Expected, replay func([]byte) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > maxSize {
		return fmt.Errorf("%w: the journal has %d bytes, and none has more than %d", store.ErrDamaged, info.Size(), int64(maxSize))
	}
	j.file, j.size, j.End = f, info.Size(), HeaderSize
	p := &pages{file: f, size: j.size}
	whole, err := j.header(p)
	if err != nil {
		return err
	}
	if want.Generation == 0 {
		return j.notNewer(p, want.Newest)
	}
	if !whole {
		return fmt.Errorf("%w: the journal's header is damaged", store.ErrDamaged)
	}
	if j.generation != want.Generation || j.Tag != want.Tag {
		return fmt.Errorf("%w: the journal is of another moment of the database: it is generation %d, expected is %d", store.ErrDamaged, j.generation, want.Generation)
	}
	if err := j.replay(p, replay); err != nil {
		return err
	}
	if j.End < want.End {
		return fmt.Errorf("%w: the record at byte %d of the journal is damaged or missing: updates were acknowledged up to byte %d", store.ErrDamaged, j.End, want.End)
	}
	if j.Cut, err = j.begunAt(p, j.End); err != nil {
		return err
	}
	return j.nothingFollows(p)
}

// header reads the header and reports whether it is complete.
func (j *File) header(p *pages) (bool, error) {
	head, err := p.at(0, HeaderSize)
	if head == nil {
		return false, err
	}
	if string(head[:8]) != magic || binary.BigEndian.Uint32(head[24:]) != crc32.Checksum(head[:24], folder.Castagnoli) || !allZero(head[28:]) {
		return false, nil
	}
	j.generation, j.Tag = binary.BigEndian.Uint64(head[8:]), [TagSize]byte(head[16:24])
	return true, nil
}

// notNewer refuses a journal that continues where the seal ends, because the seal is then older than the journal. The
// process may have ended just after it began the next generation, with nothing in it.
func (j *File) notNewer(p *pages, newest uint64) error {
	newer := j.generation > newest+1
	if j.generation == newest+1 {
		first, err := j.record(p, HeaderSize)
		if err != nil {
			return err
		}
		newer = first != nil
	}
	if newer {
		return fmt.Errorf("%w: the journal is of a later moment than the rest of the database: it is generation %d, the newest known is %d", store.ErrDamaged, j.generation, newest)
	}
	j.generation = 0
	return nil
}

// replay calls fn with the content of every complete record from End on, and moves End behind them.
func (j *File) replay(p *pages, fn func([]byte) error) error {
	for {
		content, err := j.record(p, j.End)
		if content == nil || err != nil {
			return err
		}
		if err := fn(content); err != nil {
			return err
		}
		j.End += recordHead + int64(len(content))
	}
}

// record is the content of the record at offset; nil if there is no complete one.
func (j *File) record(p *pages, offset int64) ([]byte, error) {
	head, err := p.at(offset, recordHead)
	if head == nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head))
	if n == 0 || n > MaxRecord || [TagSize]byte(head[8:]) != j.Tag {
		return nil, nil
	}
	record, err := p.at(offset, recordHead+n)
	if record == nil {
		return nil, err
	}
	if content := Content(record); binary.BigEndian.Uint32(record[4:]) == j.checksum(offset, content) {
		return content, nil
	}
	return nil, nil
}

// begunAt is the size of the record at offset according to its head, complete or not; 0 if there is no head of this
// generation.
func (j *File) begunAt(p *pages, offset int64) (int64, error) {
	head, err := p.at(offset, recordHead)
	if head == nil || [TagSize]byte(head[8:]) != j.Tag {
		return 0, err
	}
	return recordHead + int64(binary.BigEndian.Uint32(head)), nil
}

// nothingFollows refuses a journal with a record after an incomplete one. Each record is durable before the next one is
// begun, so only the last one can be incomplete. Bytes of an incomplete record may hold anything, even something that
// looks like a head.
func (j *File) nothingFollows(p *pages) error {
	damaged := fmt.Errorf("%w: the record at byte %d of the journal is damaged", store.ErrDamaged, j.End)
	if j.Cut > 0 {
		if next, err := j.begunAt(p, j.End+j.Cut); next > 0 || err != nil {
			return cmp.Or(err, damaged)
		}
	}
	for from := j.End + 1; from+TagSize <= p.size; {
		piece, err := p.at(from, min(pageSize, p.size-from))
		if err != nil {
			return err
		}
		i := int64(bytes.Index(piece, j.Tag[:]))
		if i < 0 {
			from += int64(len(piece)) - TagSize + 1
			continue
		}
		if at := from + i - 8; at > j.End {
			if content, err := j.record(p, at); content != nil || err != nil {
				return cmp.Or(err, damaged)
			}
		}
		from += i + 1
	}
	return nil
}
