package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// span is a range of a blob's bytes; length 0 is to the end.
type span struct{ offset, length uint64 }

func (sp span) query() string { return fmt.Sprintf("?proof&offset=%d&length=%d", sp.offset, sp.length) }

func parseSpan(r *http.Request) (sp span, err error) {
	q := r.URL.Query()
	for name, to := range map[string]*uint64{"offset": &sp.offset, "length": &sp.length} {
		if text := q.Get(name); text != "" {
			if *to, err = strconv.ParseUint(text, 10, 63); err != nil {
				return sp, fmt.Errorf("%w: the query %q is not a number of bytes", errBadParts, name)
			}
		}
	}
	return sp, nil
}

// blob answers GET /v1/blobs/CID: the bytes of a blob, as HTTP knows ranges and caches;
// or, with the query proof, the chunks of a range with the proof of each.
func (s *Server) blob(w http.ResponseWriter, r *http.Request) {
	cid, err := object.ParseHash(r.PathValue("cid"))
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err)
		return
	}
	sp, err := parseSpan(r)
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err)
		return
	}
	agent, chain, err := s.caller(r)
	if err == nil {
		use := caps.Use{Kind: caps.KindBlobRead, CID: cid, Offset: sp.offset, Length: sp.length}
		err = s.Node.Verifier.Authorize(chain, agent, use, s.Node.Now())
	}
	if err == nil {
		err = s.Node.Sendable(r.Context(), cid)
	}
	var b *store.Blob
	if err == nil {
		b, err = s.Node.Store.OpenBlob(r.Context(), cid, store.OpenOptions{})
	}
	if err != nil {
		s.refuse(w, r, statusOf(err), err)
		return
	}
	if r.URL.Query().Has("proof") {
		s.proven(w, r, b, sp)
		return
	}
	w.Header().Set("Etag", `"`+cid.String()+`"`)
	w.Header().Set("Cache-Control", "private, immutable, max-age=31536000")
	w.Header().Set("Content-Type", "application/octet-stream")
	content := &content{ctx: r.Context(), b: b, step: int64(b.Ref().Size)}
	if b.Ref().Chunks > 0 {
		tree, err := merkle.OpenChunks(s.Node.Store.Nodes(r.Context()), cid)
		if err != nil {
			s.refuse(w, r, statusOf(err), err)
			return
		}
		content.step = int64(tree.ChunkSize())
	}
	http.ServeContent(writerOf{w, &steadyWriter{w, http.NewResponseController(w)}}, r, "", time.Time{}, content)
}

// writerOf is a response whose bytes go through another writer.
type writerOf struct {
	http.ResponseWriter
	to io.Writer
}

func (w writerOf) Write(p []byte) (int, error) { return w.to.Write(p) }

// content is the stored bytes of a blob, from any place on; it holds one chunk.
type content struct {
	ctx   context.Context
	b     *store.Blob
	step  int64 // bytes of a chunk
	at    int64
	index int64
	chunk []byte // number index; nil: none yet
}

// Seek implements io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += int64(c.b.Ref().Size)
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	c.at = offset
	return offset, nil
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (n int, err error) {
	if c.at >= int64(c.b.Ref().Size) {
		return 0, io.EOF
	}
	if index := c.at / c.step; c.chunk == nil || index != c.index {
		if c.chunk, err = c.b.Chunk(c.ctx, uint64(index)); err != nil {
			return 0, err
		}
		c.index = index
	}
	if n = copy(p, c.chunk[min(c.at-c.index*c.step, int64(len(c.chunk))):]); n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c.at += int64(n)
	return n, nil
}

// proven sends the chunks that a range touches, each after its proof. A blob that is
// one byte string proves itself.
func (s *Server) proven(w http.ResponseWriter, r *http.Request, b *store.Blob, sp span) {
	ref := b.Ref()
	out := s.stream(w)
	count := 0
	send := func(p node.Part) error {
		count++
		s.metrics.sent.Add(float64(len(p.Data)))
		return writeFrame(out, p)
	}
	err := func() error {
		if ref.Chunks == 0 {
			data, err := s.Node.Store.Bytes(r.Context(), ref.CID)
			if err != nil {
				return err
			}
			return send(node.Part{Kind: "bytes", ID: ref.CID, Data: data})
		}
		tree, err := merkle.OpenChunks(s.Node.Store.Nodes(r.Context()), ref.CID)
		if err != nil {
			return err
		}
		first, last, err := chunksOf(tree, sp)
		if err != nil {
			return err
		}
		for i := first; i <= last; i++ {
			proof, err := tree.ProveChunk(i)
			if err != nil {
				return err
			}
			raw, err := can.Marshal(proof)
			if err != nil {
				return err
			}
			chunk, err := b.Chunk(r.Context(), i)
			if err != nil {
				return err
			}
			if err := send(node.Part{Kind: frameProof, ID: ref.CID, Data: raw}); err != nil {
				return err
			}
			if err := send(node.Part{Kind: "bytes", ID: object.Sum(chunk), Data: chunk}); err != nil {
				return err
			}
		}
		return nil
	}()
	s.closeStream(w, r, out, ref.CID, count, err)
}

// chunksOf are the first and the last chunk that a range touches.
func chunksOf(tree *merkle.Tree, sp span) (first, last uint64, err error) {
	size, step := tree.Size(), uint64(tree.ChunkSize())
	if sp.offset >= size || sp.length > size-sp.offset {
		return 0, 0, fmt.Errorf("%w: the blob has %d bytes", errBadParts, size)
	}
	end := size
	if sp.length > 0 {
		end = sp.offset + sp.length
	}
	return sp.offset / step, (end - 1) / step, nil
}
