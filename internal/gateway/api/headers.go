package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
)

// errHeader means that a header of a request cannot be understood.
var errHeader = errors.New("malformed header")

// errNoBearer means that the request has no bearer token, or that others could read it.
var errNoBearer = errors.New("the request has no bearer")

// idempotencyKey reads the header of draft-ietf-httpapi-idempotency-key-header: a String of RFC 9651, without
// parameters. Without a key an effect would happen again with every repetition of its request, so a key is required.
func idempotencyKey(r *http.Request) ([]byte, error) {
	text := strings.Trim(r.Header.Get("Idempotency-Key"), " ")
	if text == "" {
		return nil, fmt.Errorf("%w: Idempotency-Key is missing: with it, the effect happens once, however often you ask", errHeader)
	}
	inner, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		return nil, fmt.Errorf(`%w: Idempotency-Key is a quoted string, such as "deploy-7"`, errHeader)
	}
	var key []byte
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '"' && i+1 == len(inner):
			if len(key) == 0 || len(key) > ir.MaxInline {
				return nil, fmt.Errorf("%w: Idempotency-Key has 1 to %d bytes", errHeader, ir.MaxInline)
			}
			return key, nil
		case c == '"':
			return nil, fmt.Errorf("%w: Idempotency-Key has something after the string: parameters are not accepted", errHeader)
		case c == '\\':
			if i++; i == len(inner) || inner[i] != '"' && inner[i] != '\\' {
				return nil, fmt.Errorf(`%w: Idempotency-Key: only \" and \\ are escapes`, errHeader)
			}
			c = inner[i]
		case c < 0x20 || c > 0x7e:
			return nil, fmt.Errorf("%w: Idempotency-Key has the byte %#x: a string is printable ASCII", errHeader, c)
		}
		key = append(key, c)
	}
	return nil, fmt.Errorf("%w: Idempotency-Key does not end with a quote", errHeader)
}

// maxWait is how long a request may wait for another one with its key.
const maxWait = time.Hour

// patience returns how long the request waits for another one with its key: `Prefer: wait=N` (RFC 7240), in seconds; by
// default it does not wait. Other preferences may be ignored.
func patience(r *http.Request) (time.Duration, error) {
	for part := range strings.SplitSeq(r.Header.Get("Prefer"), ",") {
		name, value, _ := strings.Cut(strings.Trim(part, " \t"), "=")
		if !strings.EqualFold(strings.TrimRight(name, " \t"), "wait") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, " \t\""), 10, 16)
		if err != nil || time.Duration(seconds)*time.Second > maxWait {
			return 0, fmt.Errorf("%w: Prefer: wait=N is a number of seconds, at most %d", errHeader, maxWait/time.Second)
		}
		if seconds > 0 {
			return time.Duration(seconds) * time.Second, nil
		}
		break
	}
	return exec.NoWait, nil
}

// shown returns the bearer token of a request (RFC 6750), which must be valid here and now, with its capability. It is
// accepted if nobody on the way can read it.
func (s *Service) shown(r *http.Request) (*bearer.Bearer, caps.Chain, error) {
	scheme, word, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || word == "" {
		return nil, nil, fmt.Errorf("%w: expected Authorization: Bearer WORD", errNoBearer)
	}
	if r.TLS == nil && !local(r.RemoteAddr) {
		return nil, nil, fmt.Errorf("%w, that counts: over plain HTTP, bearers are accepted from this machine only; use TLS on this server, or a proxy here", errNoBearer)
	}
	return bearer.Open(strings.TrimLeft(word, " "), s.Self, s.Now())
}

func local(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
