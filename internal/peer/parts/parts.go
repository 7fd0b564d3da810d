// Package parts moves objects, blobs and what is below them between repositories
// (spec/wire.md#peers): both ends of these routes.
//
//	GET  /v1/trees/HASH          what is below HASH: kind, id and size of each part
//	POST /v1/trees/HASH          a list of ids in, those parts out; both need blob.read for HASH;
//	                             with ?path, of what stands there in a tree of files, after the proof
//	GET  /v1/trees/HASH?path&proof   the chunks of a file of a tree, each with its proof
//	POST /v1/trees/HASH/missing  what is below HASH in, the ids that are not here out
//	PUT  /v1/trees/HASH          parts in; both need blob.write
//	GET  /v1/blobs/CID           the bytes of a blob, with ranges; ?proof: chunks, each with its proof
//
// Parts are believed by their hashes.
package parts

import (
	"bufio"
	"net/http"

	"github.com/VictoriaMetrics/metrics"

	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
)

// Service sends and receives parts.
type Service struct {
	Repo *repo.Repo

	door           peer.Door
	sent, received *metrics.FloatCounter // bytes
}

// Routes implements peer.Service.
func (s *Service) Routes(d peer.Door) []peer.Route {
	s.door = d
	s.sent, s.received = d.Counter("mythos_sent_bytes_total"), d.Counter("mythos_received_bytes_total")
	return []peer.Route{
		{Pattern: "GET /v1/trees/{hash}", Query: []string{queryPath, queryProof, queryOffset, queryLength}, Serve: s.treeRead},
		{Pattern: "POST /v1/trees/{hash}", Body: true, Query: []string{queryPath}, Serve: s.treeParts},
		{Pattern: "POST /v1/trees/{hash}/missing", Body: true, Serve: s.treeMissing},
		{Pattern: "PUT /v1/trees/{hash}", Body: true, Query: []string{queryBytes}, Serve: s.treeWrite},
		{Pattern: "GET /v1/blobs/{cid}", Head: true, Query: []string{queryProof, queryOffset, queryLength}, Serve: s.blob},
	}
}

// stream begins an answer that is a stream of frames.
func (s *Service) stream(w http.ResponseWriter) *bufio.Writer {
	w.Header().Set("Content-Type", "application/mythos-parts")
	return bufio.NewWriterSize(s.door.Writer(w), 1<<16)
}

// Moved counts what a transfer sent or received.
type Moved struct {
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

// Progress is called with how much of a transfer is known to be needed, and how much is done, in bytes.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

type silent struct{}

func (silent) Total(int64) {}
func (silent) Add(int64)   {}
