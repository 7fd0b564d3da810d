package peer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/object"
)

// errCrowded means that more requests came than a peer may make.
var errCrowded = errors.New("too many requests")

// asker is who made a request, once that was proved, with the capability that it shows.
type asker struct {
	agent object.AgentID
	chain caps.Chain // nil: none is shown
}

// caller checks a signed request and returns who asks. may says whether the asker may do
// what the request is for; only then is its nonce remembered, so that strangers make
// nothing grow here.
func (s *Server) caller(r *http.Request, may func(asker) error) (asker, error) {
	now := s.Node.Now()
	by, err := s.proved(r, now)
	if err == nil {
		err = may(by)
	}
	if err == nil {
		err = s.once(r, by.agent, now)
	}
	if err == nil {
		err = s.charge(r, by.agent)
	}
	return by, err
}

// proved checks the signature of a request, and all that it covers but the nonce.
func (s *Server) proved(r *http.Request, now object.Time) (by asker, err error) {
	by.agent, by.chain, err = auth.Proved(r, s.Node.Self(), now)
	return by, err
}

// once takes the nonce of a request, which works once at all servers of the repository.
func (s *Server) once(r *http.Request, agent object.AgentID, now object.Time) error {
	nonce, err := hex.DecodeString(r.Header.Get(auth.HeaderNonce))
	if err != nil || len(nonce) != 16 {
		return fmt.Errorf("%w: malformed nonce", auth.ErrUnauthorized)
	}
	fresh, err := s.Node.Packets.TakeNonce(r.Context(), agent, [16]byte(nonce), now.Add(auth.KeepNonces))
	if err == nil && !fresh {
		err = auth.ErrReplayed
	}
	return err
}
