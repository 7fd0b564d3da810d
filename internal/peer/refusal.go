package peer

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// Headers of a refusal (spec/wire.md#peers); its body is the message.
const (
	headerKind = "Mythos-Kind" // the name of the exit code that the refusal stands for
	headerHint = "Mythos-Hint" // what to do about it over there
)

// Kinds that a server gives by itself: names of exit codes.
const (
	kindFailed   = "failed"
	kindUsage    = "usage"
	kindNotFound = "not_found"
	kindRefused  = "refused"
	kindInvalid  = "invalid"
	kindBusy     = "busy"
)

// statusKinds are the kinds of refusals that nothing else is known about.
var statusKinds = map[int]string{
	http.StatusBadRequest: kindInvalid, http.StatusForbidden: kindRefused, http.StatusNotFound: kindNotFound, http.StatusConflict: kindRefused,
	http.StatusNotAcceptable: kindInvalid, http.StatusRequestedRangeNotSatisfiable: kindUsage,
	http.StatusTooManyRequests: kindBusy, http.StatusServiceUnavailable: kindBusy,
}

// taskError is why a task has no answer, as it was kept.
type taskError struct{ t task.Task }

func (e *taskError) Error() string { return e.t.Error }

// failure is an error with the kind and the hint that the command line would give it.
func (s *Server) failure(err error) task.Failure {
	f := task.Failure{Err: err}
	var kept *taskError
	switch {
	case errors.As(err, &kept):
		f.Kind, f.Hint = kept.t.Kind, kept.t.Hint
	case errors.Is(err, auth.ErrUnauthorized), errors.Is(err, auth.ErrReplayed):
		f.Kind = kindRefused // whatever is wrong with the request's signature
	case err != nil && s.Explain != nil:
		f.Kind, f.Hint = s.Explain(err)
	}
	return f
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	s.metrics.refused(status)
	h := w.Header()
	if status == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	f := s.failure(err)
	if kind := statusKinds[status]; f.Kind == "" || (f.Kind == kindFailed && kind != "") {
		f.Kind = kind
	}
	if f.Kind != "" {
		h.Set(headerKind, f.Kind)
	}
	if f.Hint != "" {
		h.Set(headerHint, oneLine(f.Hint))
	}
	h.Set(auth.HeaderTime, strconv.FormatInt(int64(s.Node.Now()), 10))
	s.Log.Warn("refused", "path", r.URL.Path, "from", r.RemoteAddr, "status", status, "error", err)
	http.Error(w, err.Error(), status)
}

// maxHint is how long a hint may be that a peer gives, in bytes.
const maxHint = 512

// oneLine is text for people on one line, without anything that moves a terminal's cursor.
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
	if len(text) > maxHint {
		text = strings.ToValidUTF8(text[:maxHint], "") + "..."
	}
	return strings.TrimSpace(text)
}

// StatusError is a refusal by the peer.
type StatusError struct {
	Status  int
	Message string
	Kind    string // the name of the exit code that it stands for there; empty: not told
	Hint    string // what to do about it there; may be empty

	There, Here object.Time // the clocks when it was refused; There is 0 where it is not told
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("peer answers %d: %s", e.Status, e.Message)
	if apart := e.Apart(); apart != 0 {
		text += fmt.Sprintf("; the clocks are %s apart: there it is %s, here %s", apart, e.There, e.Here)
	}
	return text
}

// Apart is how far the two clocks are apart, where that is more than a minute and may be
// why the peer refuses; else 0.
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

// refusal reads what a peer refuses with.
func refusal(res *http.Response, message string, now object.Time) *StatusError {
	e := &StatusError{Status: res.StatusCode, Message: message, Kind: oneLine(res.Header.Get(headerKind)), Hint: oneLine(res.Header.Get(headerHint)), Here: now}
	if at, err := strconv.ParseInt(res.Header.Get(auth.HeaderTime), 10, 64); err == nil {
		e.There = object.Time(at)
	}
	return e
}
