package peer

import (
	"errors"
	"net"
	"net/http"

	"github.com/mythos-project/mythos/packet"
)

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

var errNotLocal = errors.New("only for this machine")

// local reports whether a request comes from this machine.
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback()
}
