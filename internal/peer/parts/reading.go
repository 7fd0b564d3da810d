package parts

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// reading is what a request may read. The authorization creates it, and stored bytes leave this server only through it.
// Each of its methods authorizes exactly the bytes that it then sends.
type reading struct {
	s    *Service
	r    *http.Request
	w    http.ResponseWriter
	by   peer.Asker
	root object.Hash

	top   transfer.Top // what is sent: the root, or the entry at a path below it
	entry tree.Entry   // at the path
	proof []byte       // of the entry: the answer begins with it

	parts int   // that were sent
	bytes int64 // of their data
}

// reading checks that a request is signed, and that it shows a capability to read something of root. What exactly may
// be read is checked before it is sent.
func (s *Service) reading(w http.ResponseWriter, r *http.Request, root object.Hash) (*reading, error) {
	by, err := s.door.Caller(r, func(by peer.Asker) error {
		leaf, err := s.door.Shown(by, scope.KindBlobRead)
		if err != nil {
			return err
		}
		if read, ok := leaf.(*scope.BlobRead); !ok || read.CID != root {
			return &caps.DeniedError{Check: caps.CheckScope, Reason: "the capability is for another object than " + root.Short()}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &reading{s: s, r: r, w: w, by: by, root: root, top: transfer.Object(root)}, nil
}

// may authorizes the bytes [from, to) of the root, which has size bytes.
func (rd *reading) may(from, to uint64) error {
	if from == to {
		return nil // nothing is sent
	}
	return rd.authorize(scope.Use{Kind: scope.KindBlobRead, CID: rd.root, Offset: from, Length: to - from})
}

// mayAll authorizes the root and everything below it.
func (rd *reading) mayAll() error {
	return rd.authorize(scope.Use{Kind: scope.KindBlobRead, CID: rd.root})
}

func (rd *reading) authorize(use scope.Use) error {
	return rd.s.Repo.Verifier.Authorize(rd.by.Chain, rd.by.Agent, use, rd.s.Repo.Now())
}

// items sends the list of what is below the top: the kind, id and size of each part.
func (rd *reading) items() {
	out, err := rd.begin(rd.mayAll())
	if err == nil {
		err = rd.s.Repo.Transfer.Items(rd.r.Context(), rd.top, func(it transfer.Item) error { return rd.frame(out, itemFrame(it), 0) })
	}
	rd.end(out, err)
}

// some sends the wanted parts below the top.
func (rd *reading) some(wanted map[transfer.Key]bool) {
	out, err := rd.begin(rd.mayAll())
	if err == nil {
		err = rd.s.Repo.Transfer.Send(rd.r.Context(), rd.top, func(k transfer.Key) bool { return wanted[k] }, func(p transfer.Part) error { return rd.frame(out, p, len(p.Data)) })
	}
	rd.end(out, err)
}

// begin starts a stream of frames, if may is nil and the top may leave.
func (rd *reading) begin(may error) (*bufio.Writer, error) {
	if may == nil {
		may = rd.s.Repo.Transfer.Sendable(rd.r.Context(), rd.top)
	}
	out := rd.s.stream(rd.w)
	if may == nil && rd.proof != nil {
		may = rd.frame(out, transfer.Part{Kind: frameProof, ID: rd.root, Data: rd.proof}, len(rd.proof))
	}
	return out, may
}

// frame sends one frame with the given number of stored bytes.
func (rd *reading) frame(out *bufio.Writer, p transfer.Part, stored int) error {
	rd.sent(stored)
	return writeFrame(out, p)
}

// sent counts a part.
func (rd *reading) sent(stored int) {
	rd.parts++
	rd.bytes += int64(stored)
	rd.s.sent.Add(float64(stored))
}

// end ends a stream of frames. If nothing was written to it, an error becomes a refusal.
func (rd *reading) end(out *bufio.Writer, err error) {
	if err == nil {
		err = writeEnd(out, rd.root)
	}
	rd.close(err, rd.parts > 0)
}

// close logs who read what under which capability. An answer that failed after it had begun is aborted, so that the
// other side does not take it for complete.
func (rd *reading) close(err error, begun bool) {
	attrs := []any{"path", rd.r.URL.Path, "agent", rd.by.Agent.KeyHex()[:12], "name", rd.s.Repo.AgentName(rd.by.Agent),
		"capability", rd.by.Chain[0].ID.Short(), "parts", rd.parts, "bytes", rd.bytes}
	switch {
	case err == nil:
		rd.s.door.Log().Info("sent", attrs...)
	case !begun:
		rd.s.refuse(rd.w, rd.r, err)
	default:
		rd.s.door.Log().Log(rd.r.Context(), slog.LevelWarn, "broken off", append(attrs, "error", err)...)
		panic(http.ErrAbortHandler)
	}
}

// open opens the root as a blob, with its tree; nil: it is a single byte string.
func (rd *reading) open(ctx context.Context) (*store.Blob, *merkle.Tree, error) {
	if err := rd.s.Repo.Transfer.Sendable(ctx, rd.top); err != nil {
		return nil, nil, err
	}
	b, err := rd.s.Repo.Store.OpenBlob(ctx, rd.root, codec.Keys{})
	if err != nil {
		return nil, nil, err
	}
	dag, err := rd.chunksOf(ctx, b)
	return b, dag, err
}

// chunksOf opens the tree of a blob's chunks; nil: it is a single byte string.
func (rd *reading) chunksOf(ctx context.Context, b *store.Blob) (*merkle.Tree, error) {
	if b.Ref().Chunks == 0 {
		return nil, nil
	}
	return merkle.OpenChunks(rd.s.Repo.Store.Nodes(ctx), b.Ref().CID)
}

// stored sends the bytes of a blob as they are stored: all of them, or the range in the request's HTTP header.
func (rd *reading) stored() {
	ctx := rd.r.Context()
	b, dag, err := rd.open(ctx)
	if err != nil {
		rd.close(err, false)
		return
	}
	size := b.Ref().Size
	want := httpRange(rd.r.Header, `"`+rd.root.String()+`"`, size)
	if err := rd.may(want.from, want.to); err != nil {
		rd.close(err, false)
		return
	}
	step := stepOf(b, dag)
	begun, body := false, rd.s.door.Writer(rd.w)
	err = func() error {
		for at := want.from; at < want.to && rd.r.Method != http.MethodHead; {
			chunk, err := b.Chunk(ctx, at/step) // before the header, so that damaged data can still be refused
			if err != nil {
				return err
			}
			if at%step >= uint64(len(chunk)) {
				return fmt.Errorf("blob %s: %w: shorter than its reference says", rd.root.Short(), store.ErrCorrupt)
			}
			if !begun {
				want.writeHeader(rd.w, rd.root)
				begun = true
			}
			piece := chunk[at%step : min(uint64(len(chunk)), want.to-at/step*step)]
			if _, err := body.Write(piece); err != nil {
				return err
			}
			at += uint64(len(piece))
			rd.sent(len(piece))
		}
		return nil
	}()
	if err == nil && !begun {
		want.writeHeader(rd.w, rd.root)
	}
	rd.close(err, begun)
}

// proven sends the chunks in a range, each after its proof. A blob that is a single byte string proves itself. Whole
// chunks are sent: the capability must cover them.
func (rd *reading) proven(sp span) {
	b, dag, err := rd.open(rd.r.Context())
	if err != nil {
		rd.close(err, false)
		return
	}
	from, to, err := sp.within(b.Ref().Size)
	if err != nil {
		rd.close(err, false)
		return
	}
	out := rd.s.stream(rd.w)
	if from < to {
		step := stepOf(b, dag)
		first, end := from/step*step, min((to+step-1)/step*step, b.Ref().Size)
		if err = rd.may(first, end); err != nil {
			err = fmt.Errorf("a proof takes whole chunks, here bytes %d up to %d: %w", first, end, err)
		} else {
			err = rd.chunks(out, b, dag, from, to)
		}
	}
	rd.end(out, err)
}

// stepOf returns the size of a blob's chunks, in bytes.
func stepOf(b *store.Blob, dag *merkle.Tree) uint64 {
	if dag != nil {
		return uint64(dag.ChunkSize())
	}
	return max(b.Ref().Size, 1)
}

// chunks sends the chunks that contain the bytes [from, to). The caller has authorized them.
func (rd *reading) chunks(out *bufio.Writer, b *store.Blob, dag *merkle.Tree, from, to uint64) error {
	step := stepOf(b, dag)
	for i := from / step; i <= (to-1)/step; i++ {
		if err := rd.chunk(out, b, dag, i); err != nil {
			return err
		}
	}
	return nil
}

func (rd *reading) chunk(out *bufio.Writer, b *store.Blob, dag *merkle.Tree, i uint64) error {
	data, err := b.Chunk(rd.r.Context(), i)
	if err != nil {
		return err
	}
	if dag != nil {
		proof, err := dag.ProveChunk(i)
		if err != nil {
			return err
		}
		raw, err := can.Marshal(proof)
		if err != nil {
			return err
		}
		if err := rd.frame(out, transfer.Part{Kind: frameProof, ID: b.Ref().CID, Data: raw}, len(raw)); err != nil {
			return err
		}
	}
	return rd.frame(out, transfer.Part{Kind: "bytes", ID: object.Sum(data), Data: data}, len(data))
}

// answer is the result of HTTP's conditions and ranges for a request for size bytes.
type answer struct {
	status   int
	from, to uint64 // the bytes to send
	size     uint64
}

func (a answer) writeHeader(w http.ResponseWriter, cid object.Hash) {
	h := w.Header()
	h.Set("Etag", `"`+cid.String()+`"`)
	h.Set("Cache-Control", "private, immutable, max-age=31536000")
	h.Set("Accept-Ranges", "bytes")
	switch a.status {
	case http.StatusRequestedRangeNotSatisfiable:
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", a.size))
	case http.StatusPartialContent:
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a.from, a.to-1, a.size))
		fallthrough
	case http.StatusOK:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Length", fmt.Sprint(a.to-a.from))
	}
	w.WriteHeader(a.status)
}

// httpRange decides which bytes a request gets (RFC 9110 sections 13 and 14). The bytes never change, so comparing
// their ETag is enough.
func httpRange(h http.Header, etag string, size uint64) answer {
	whole := answer{http.StatusOK, 0, size, size}
	if match := h.Values("If-Match"); len(match) > 0 && !listsTag(match, etag) {
		return answer{http.StatusPreconditionFailed, 0, 0, size}
	}
	if listsTag(h.Values("If-None-Match"), etag) {
		return answer{http.StatusNotModified, 0, 0, size}
	}
	text, ok := strings.CutPrefix(h.Get("Range"), "bytes=")
	if again := h.Get("If-Range"); !ok || (again != "" && again != etag) {
		return whole
	}
	from, to, ok := parseRange(strings.TrimSpace(text), size)
	switch {
	case !ok:
		return whole // several ranges, or none that RFC 9110 knows
	case from >= to:
		return answer{http.StatusRequestedRangeNotSatisfiable, 0, 0, size}
	}
	return answer{http.StatusPartialContent, from, to, size}
}

// listsTag reports whether one of a header's entity tags is the tag, or any.
func listsTag(values []string, etag string) bool {
	for _, v := range values {
		for _, tag := range strings.Split(v, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}
