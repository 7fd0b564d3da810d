package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
)

// Bounds of what is taken from a peer.
const (
	maxPacket = 8 << 20  // bytes of a packet
	maxFrame  = 80 << 20 // bytes of a frame in a stream of parts
	maxTasks  = 4        // tasks that run at a time
)

// Server answers peers.
type Server struct {
	Node *node.Node
	Log  *slog.Logger

	// AcceptCodebooks accepts every codebook that a trusted agent proposes; otherwise
	// proposals wait for `mythos codebook accept`.
	AcceptCodebooks bool

	tasks chan struct{}
}

// Serve answers on l until ctx ends, then lets running requests finish.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.tasks = make(chan struct{}, maxTasks)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/packets", s.packets)
	mux.HandleFunc("GET /v1/trees/{hash}", s.tree)
	mux.HandleFunc("POST /v1/codebooks", s.codebooks)
	mux.HandleFunc("GET /v1/identity", s.identity)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	h := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 128 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		stopped <- h.Shutdown(grace)
	}()
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func (s *Server) identity(w http.ResponseWriter, _ *http.Request) {
	self := s.Node.Self()
	raw, err := can.Marshal(&self)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(raw)
}

// packets takes a submission through the six steps of receiving, runs its first
// task and answers with a signed packet.
func (s *Server) packets(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPacket))
	if err != nil {
		s.refuse(w, r, http.StatusRequestEntityTooLarge, err)
		return
	}
	got, err := s.Node.Accept(r.Context(), raw)
	if err != nil {
		s.refuse(w, r, receiveStatus(err), err)
		return
	}
	select {
	case s.tasks <- struct{}{}:
		defer func() { <-s.tasks }()
	case <-r.Context().Done():
		return
	}
	answer, res, err := s.Node.Serve(r.Context(), got)
	if err != nil {
		s.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	s.Log.Info("task", "packet", got.Packet.ID().Short(), "author", got.Author.Hint, "result", res.ResultHash.Short(), "receipts", len(res.Receipts))
	w.Header().Set("Content-Type", "application/mythos-x")
	_, _ = w.Write(answer)
}

// receiveStatus says at which of the steps a packet was refused.
func receiveStatus(err error) int {
	switch {
	case errors.Is(err, packet.ErrUntrusted), errors.Is(err, packet.ErrSignature):
		return http.StatusForbidden
	case errors.Is(err, packet.ErrReplay), errors.Is(err, packet.ErrExpired), errors.Is(err, packet.ErrGuard):
		return http.StatusConflict
	case errors.Is(err, packet.ErrCodebook):
		return http.StatusNotAcceptable
	}
	return http.StatusBadRequest
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	s.Log.Warn("refused", "path", r.URL.Path, "status", status, "error", err)
	http.Error(w, err.Error(), status)
}

// tree streams everything below a hash to whoever holds blob.read for it.
func (s *Server) tree(w http.ResponseWriter, r *http.Request) {
	root, err := object.ParseHash(r.PathValue("hash"))
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err)
		return
	}
	agent, chain, err := caller(r, s.Node.Now())
	if err == nil {
		err = s.Node.Verifier.Authorize(chain, agent, caps.Use{Kind: caps.KindBlobRead, CID: root}, s.Node.Now())
	}
	if err != nil {
		s.refuse(w, r, http.StatusForbidden, err)
		return
	}
	w.Header().Set("Content-Type", "application/mythos-parts")
	out := bufio.NewWriterSize(w, 1<<16)
	count := 0
	err = s.Node.Send(r.Context(), root, func(p node.Part) error {
		count++
		return writeFrame(out, p)
	})
	if err == nil {
		err = writeFrame(out, node.Part{Kind: "end", ID: root, Data: []byte{}})
	}
	if err == nil {
		err = out.Flush()
	}
	s.Log.Info("tree", "root", root.Short(), "agent", agent.KeyHex()[:12], "parts", count, "error", err)
	switch {
	case errors.Is(err, node.ErrUnredacted):
		http.Error(w, err.Error(), http.StatusForbidden)
	case err != nil && count == 0:
		http.Error(w, err.Error(), http.StatusNotFound)
	}
}

// A frame is the length of a canonical Part, u32 big-endian, and the part. The part
// of kind "end" closes a stream.
func writeFrame(w io.Writer, p node.Part) error {
	raw, err := can.Marshal(&p)
	if err != nil {
		return err
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(raw)))); err != nil {
		return err
	}
	_, err = w.Write(raw)
	return err
}

func readFrame(r io.Reader) (*node.Part, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("stream ends early: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes, at most %d", n, maxFrame)
	}
	raw, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil || len(raw) != int(n) {
		return nil, fmt.Errorf("stream ends early: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return object.Decode[node.Part](raw)
}
