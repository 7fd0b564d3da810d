package parts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

const (
	queryBytes = "bytes" // of the data of all parts
	maxParts   = 2 << 20 // in a list
)

// treeRead answers GET /v1/trees/HASH: the list of parts; or, with the query proof, the chunks of the file at a path.
func (s *Service) treeRead(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	sp, proofs := span{}, q.Has(queryProof)
	at, err := parsePlace(r)
	switch {
	case err != nil:
	case proofs && len(at.path) > 0:
		sp, err = parseSpan(r)
	case proofs, q.Has(queryOffset), q.Has(queryLength):
		err = fmt.Errorf("%w: the query %q goes with %q, and the others with both", peer.ErrMalformed, queryProof, queryPath)
	}
	var rd *reading
	if err == nil {
		rd, err = s.at(w, r, at)
	}
	switch {
	case err != nil:
		s.refuse(w, r, err)
	case proofs:
		rd.file(sp)
	default:
		rd.items()
	}
}

// at returns the reading of a place.
func (s *Service) at(w http.ResponseWriter, r *http.Request, p place) (*reading, error) {
	rd, err := s.reading(w, r, p.root)
	if err == nil {
		err = rd.descend(p.path)
	}
	return rd, err
}

// treeParts answers POST /v1/trees/HASH with the requested parts. It sends only parts of the tree, for which the
// capability is. The list is read once the request has proved its sender, because it is large and strangers are many.
func (s *Service) treeParts(w http.ResponseWriter, r *http.Request) {
	at, err := parsePlace(r)
	var rd *reading
	if err == nil {
		rd, err = s.at(w, r, at)
	}
	var list []byte
	if err == nil {
		list, err = s.door.Body(w, r, keySize*maxParts)
	}
	var wanted map[transfer.Key]bool
	if err == nil {
		wanted, err = decodeKeys(list)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	rd.some(wanted)
}

// statusOf returns the HTTP status of a refusal with an error.
func statusOf(err error) int {
	switch {
	case errors.Is(err, transfer.ErrNotBrought), errors.Is(err, tree.ErrNoEntry), errors.Is(err, tree.ErrTree):
		return http.StatusNotFound
	case errors.Is(err, errBadParts):
		return http.StatusBadRequest
	}
	return peer.StatusOf(err)
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.door.RefuseAs(w, r, statusOf(err), err)
}

var errBadParts = errors.New("the parts do not hold")

// writing is the authority under which a peer pushes.
type writing struct {
	root  object.Hash
	agent object.AgentID
	chain caps.Chain
	use   scope.Use
	by    *transfer.Pusher
}

// writer checks that a request may push under the capability that it shows. The media type is checked for each part.
func (s *Service) writer(r *http.Request) (*writing, error) {
	root, err := peer.PathHash(r, "hash")
	if err != nil {
		return nil, err
	}
	by, use, err := s.door.MayWrite(r)
	if err != nil {
		return nil, err
	}
	return &writing{root: root, agent: by.Agent, chain: by.Chain, use: use, by: s.Repo.Transfer.Pusher(by.Agent, by.Chain, use)}, nil
}

// allows checks the authority for one part.
func (wr *writing) allows(s *Service, p transfer.Part) error {
	use := wr.use
	switch p.Key().Rank {
	case 0:
		return nil // it is nothing until a blob or an object refers to it
	case 1:
		ref, err := object.Decode[object.BlobRef](p.Data)
		if err != nil {
			return err
		}
		use.Media = ref.Media
	default:
		use.Media = peer.MediaObjects
	}
	return s.Repo.Verifier.Authorize(wr.chain, wr.agent, use, s.Repo.Now())
}

// treeMissing answers POST /v1/trees/HASH/missing: it returns those of the listed names that this agent has not sent.
// It does not reveal what others have sent.
func (s *Service) treeMissing(w http.ResponseWriter, r *http.Request) {
	wr, err := s.writer(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	var missing []transfer.Key
	count := 0
	err = readFrames(s.door.Reader(w, r), func(p transfer.Part, done func()) error {
		defer done()
		if count++; count > maxParts {
			return fmt.Errorf("%w: %d parts", peer.ErrTooMuch, maxParts)
		}
		it, err := frameItem(p)
		if err != nil {
			return fmt.Errorf("%w: %w", errBadParts, err)
		}
		have, err := wr.by.Has(r.Context(), it)
		if err == nil && !have {
			missing = append(missing, it.Key())
		}
		return err
	})
	if err != nil {
		s.door.RefuseAs(w, r, pushStatus(err), err)
		return
	}
	out := s.stream(w)
	_, _ = out.Write(encodeKeys(missing))
	_ = out.Flush()
}

// pushStatus is statusOf, but any other error means that the input was malformed or cut off.
func pushStatus(err error) int {
	if status := statusOf(err); status != http.StatusInternalServerError {
		return status
	}
	return http.StatusBadRequest
}

// Pushed is the answer to a push.
type Pushed struct {
	Parts int    `json:"parts"`
	Bytes int64  `json:"bytes"`
	Ref   string `json:"ref"` // under which the receiver stores it
}

// treeWrite answers PUT /v1/trees/HASH: it stores parts, each checked as it arrives, and confirms when this agent has
// sent everything below HASH. Only what arrives is charged to the capability, so an interrupted push costs no more than
// that.
func (s *Service) treeWrite(w http.ResponseWriter, r *http.Request) {
	got, err := s.receiveTree(w, r)
	if err != nil {
		s.door.RefuseAs(w, r, pushStatus(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(got)
}

func (s *Service) receiveTree(w http.ResponseWriter, r *http.Request) (Pushed, error) {
	var got Pushed
	wr, err := s.writer(r)
	if err != nil {
		return got, err
	}
	announced, ok := digits(r.URL.Query().Get(queryBytes))
	if !ok {
		return got, fmt.Errorf("%w: the query %q is not a number of bytes", errBadParts, queryBytes)
	}
	ctx := context.WithoutCancel(r.Context()) // what has arrived is charged and stored, even if the sender is gone
	if err := wr.by.Room(ctx, announced); err != nil {
		return got, err
	}
	keep := wr.by.Intake(ctx)
	var listed map[transfer.Key]bool // true: not stored yet
	err = readFrames(s.door.Reader(w, r), func(p transfer.Part, done func()) error {
		if listed == nil {
			listed, err = signedList(r, p)
			return err
		}
		if !listed[p.Key()] {
			return fmt.Errorf("%w: part %s is not among those that were announced", errBadParts, p.ID.Short())
		}
		listed[p.Key()] = false
		if uint64(got.Bytes)+uint64(len(p.Data)) > announced {
			return fmt.Errorf("%w: %d bytes were announced", peer.ErrTooMuch, announced)
		}
		got.Parts++
		got.Bytes += int64(len(p.Data))
		s.received.Add(float64(len(p.Data)))
		if err := wr.allows(s, p); err != nil {
			return err
		}
		return keep.Add(p, done)
	})
	if err = errors.Join(err, keep.Flush()); err == nil {
		err = wr.by.Whole(ctx, wr.root, func(p transfer.Part) error { return wr.allows(s, p) })
	}
	if err == nil {
		got.Ref = "pushed/" + wr.root.String()[:16]
		err = s.Repo.Store.SetRef(ctx, got.Ref, wr.root, nil)
	}
	attrs := []any{"root", wr.root.Short(), "agent", wr.agent.KeyHex()[:12], "name", s.Repo.AgentName(wr.agent), "capability", wr.chain[0].ID.Short(), "parts", got.Parts, "bytes", got.Bytes}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	s.door.Log().Info("received", attrs...)
	return got, err
}

// signedList reads the first frame of a push: the names of the parts that follow. The signature of the request covers
// its digest, so that nobody on the way can add any.
func signedList(r *http.Request, p transfer.Part) (map[transfer.Key]bool, error) {
	if p.Kind != frameIDs || r.Header.Get(auth.HeaderDigest) != auth.DigestOf(p.Data) {
		return nil, fmt.Errorf("%w: the list of parts is not the one that was signed", auth.ErrUnauthorized)
	}
	return decodeKeys(p.Data)
}
