package peer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/problem"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
)

// Headers of a refusal (spec/wire.md#peers); its body is the message.
const (
	headerKind = "Mythos-Kind" // the name of the exit code that the refusal stands for
	headerHint = "Mythos-Hint" // what the caller can do about it
)

// Kinds that a server itself uses: names of exit codes. KindFailed is the unspecific one.
const (
	KindFailed   = "failed"
	kindUsage    = "usage"
	kindNotFound = "not_found"
	kindRefused  = "refused"
	kindInvalid  = "invalid"
	kindBusy     = "busy"
)

// statusKinds are the kinds of refusals about which nothing else is known.
var statusKinds = map[int]string{
	http.StatusBadRequest: kindInvalid, http.StatusForbidden: kindRefused, http.StatusNotFound: kindNotFound, http.StatusConflict: kindRefused, http.StatusLocked: kindRefused,
	http.StatusNotAcceptable: kindInvalid, http.StatusRequestedRangeNotSatisfiable: kindUsage,
	http.StatusTooManyRequests: kindBusy, http.StatusServiceUnavailable: kindBusy,
}

// Explained is an error whose kind and hint are already known, such as a stored one.
type Explained struct{ Message, Kind, Hint string }

func (e *Explained) Error() string { return e.Message }

// Explain returns the kind and the hint that the command line would give for an error.
func (d Door) Explain(err error) (kind, hint string) { return d.s.explain(err) }

func (s *Server) explain(err error) (kind, hint string) {
	var before *Explained
	switch {
	case errors.As(err, &before):
		return before.Kind, before.Hint
	case errors.Is(err, auth.ErrUnauthorized), errors.Is(err, auth.ErrReplayed):
		return kindRefused, "" // whatever is wrong with the request's signature
	case s.Explain != nil:
		return s.Explain(err)
	}
	return "", ""
}

// Refuse answers with an error.
func (d Door) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := StatusOf(err)
	if status == http.StatusInternalServerError && (errors.Is(err, object.ErrInvalid) || errors.Is(err, object.ErrID)) {
		status = http.StatusBadRequest
	}
	d.s.refuse(w, r, status, err)
}

// RefuseAs answers with an error and the status that a service gives it.
func (d Door) RefuseAs(w http.ResponseWriter, r *http.Request, status int, err error) {
	d.s.refuse(w, r, status, err)
}

// Later answers that the request may be repeated after a while (503, Retry-After).
func (d Door) Later(w http.ResponseWriter, r *http.Request, after time.Duration, err error) {
	d.s.later(w, r, http.StatusServiceUnavailable, after, err)
}

// StatusOf returns the HTTP status of a refusal with an error.
func StatusOf(err error) int {
	var denied *caps.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Check == caps.CheckFrozen:
		return http.StatusLocked
	case errors.As(err, &denied) && !denied.Approval.IsZero():
		return http.StatusPreconditionRequired
	case errors.Is(err, errCrowded):
		return http.StatusTooManyRequests
	case errors.Is(err, errNoRoom):
		return http.StatusServiceUnavailable
	case errors.Is(err, auth.ErrUnauthorized), errors.Is(err, auth.ErrReplayed), errors.Is(err, caps.ErrDenied), errors.Is(err, caps.ErrQuota):
		return http.StatusForbidden
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrTooMuch):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, store.ErrRange):
		return http.StatusRequestedRangeNotSatisfiable
	case errors.Is(err, ErrMalformed):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// PacketStatus says at which step a received packet was refused.
func PacketStatus(err error) int {
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

// Refused counts and logs a refusal, and returns the error's kind and hint, for a service that writes the answer
// itself.
func (d Door) Refused(r *http.Request, status int, err error) (kind, hint string) {
	return d.s.refused(r, status, err)
}

func (s *Server) refused(r *http.Request, status int, err error) (kind, hint string) {
	s.count(status)
	kind, hint = s.explain(err)
	if usual := statusKinds[status]; kind == "" || (kind == KindFailed && usual != "") {
		kind = usual
	}
	s.Log.Warn("refused", "path", r.URL.Path, "from", r.RemoteAddr, "status", status, "error", err)
	return kind, hint
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	kind, hint := s.refused(r, status, err)
	h := w.Header()
	if status == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	if slices.ContainsFunc(s.problems, func(path string) bool { return strings.HasPrefix(r.URL.Path, path) }) {
		problem.Write(w, status, problem.Of(status, kind, hint, err))
		return
	}
	if kind != "" {
		h.Set(headerKind, kind)
	}
	if hint != "" {
		h.Set(headerHint, oneLine(hint))
	}
	h.Set(auth.HeaderTime, strconv.FormatInt(int64(s.Repo.Now()), 10))
	http.Error(w, err.Error(), status)
}

// later is refuse with the time after which the request may be repeated.
func (s *Server) later(w http.ResponseWriter, r *http.Request, status int, after time.Duration, err error) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	s.refuse(w, r, status, err)
}

// maxHint is the maximum length of a peer's hint, in bytes.
const maxHint = 512

// oneLine returns a text for people on one line of at most maxHint bytes, without anything that moves a terminal's
// cursor [wire-85].
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	const cut = "..."
	if len(text) > maxHint {
		text = strings.ToValidUTF8(text[:maxHint-len(cut)], "") + cut
	}
	return strings.TrimSpace(text)
}

// StatusError is a refusal by the peer.
type StatusError struct {
	Status  int
	Message string
	Kind    string // the name of the exit code that it stands for there; empty: unknown
	Hint    string // what to do about it there; may be empty

	There, Here object.Time // the clocks at the time of the refusal; There is 0 if unknown
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("peer answers %d: %s", e.Status, e.Message)
	if apart := e.Apart(); apart != 0 {
		text += fmt.Sprintf("; the clocks are %s apart: there it is %s, here %s", apart, e.There, e.Here)
	}
	return text
}

// Apart returns how far the two clocks are apart, if that is more than a minute and may be the reason for the refusal;
// otherwise 0.
func (e *StatusError) Apart() time.Duration {
	if e.There == 0 || (e.Status != http.StatusForbidden && e.Status != http.StatusConflict) {
		return 0
	}
	apart := (time.Duration(e.There-e.Here) * time.Microsecond).Abs().Round(time.Second)
	if apart <= time.Minute {
		return 0
	}
	return apart
}

// refusal reads a peer's refusal.
func refusal(res *http.Response, message string, now object.Time) *StatusError {
	e := &StatusError{Status: res.StatusCode, Message: message, Kind: oneLine(res.Header.Get(headerKind)), Hint: oneLine(res.Header.Get(headerHint)), Here: now}
	if at, err := strconv.ParseInt(res.Header.Get(auth.HeaderTime), 10, 64); err == nil {
		e.There = object.Time(at)
	}
	return e
}
