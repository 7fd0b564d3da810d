package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/internal/problem"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// maxRequest is the largest request to a tool, in bytes; the tool's own limit may be lower.
const maxRequest = 32 << 20

// errTooLarge means that a body is larger than allowed.
var errTooLarge = errors.New("the body is too large")

// Answer is the answer of a tool, from now or from the first use of the key.
type Answer struct {
	Tool     object.Hash `json:"tool"` // its id
	Key      string      `json:"key"`
	Status   uint16      `json:"status"`  // as in the receipt, below 300
	Receipt  object.Hash `json:"receipt"` // its id
	Replayed bool        `json:"replayed"`
	Content
}

// Content is a response: as text if it is text, otherwise in base64.
type Content struct {
	Response *string `json:"response,omitempty"`
	Base64   []byte  `json:"response_base64,omitempty"`
}

func contentOf(body []byte) Content {
	if !utf8.Valid(body) {
		return Content{Base64: body}
	}
	text := string(body)
	return Content{Response: &text}
}

// What is known of the effect of a tool and a key if there is no Answer.
const (
	NotHappened = "not_happened" // certainly not
	UnderWay    = "under_way"    // another request with the key is being executed
	Recorded    = "recorded"     // it happened, and its outcome is recorded
	Unknown     = "unknown"      // nobody knows
)

// CallProblem is why there is no Answer.
type CallProblem struct {
	problem.Problem
	Outcome    string       `json:"outcome,omitempty" jsonschema:"enum=not_happened,enum=under_way,enum=recorded,enum=unknown"` // what is known of the effect; absent: this request did nothing, and nothing is said about earlier ones with the key
	Receipt    *object.Hash `json:"receipt,omitempty"`                                                                          // of a tool that failed, or of the refusal
	ToolStatus uint16       `json:"tool_status,omitempty"`                                                                      // of a tool that failed, as in the receipt
	Replayed   bool         `json:"replayed,omitempty"`
	Content
}

// call runs a tool here, once for its key. Once it has started, it runs to its end even if nobody waits for the answer.
func (s *Service) call(w http.ResponseWriter, r *http.Request) {
	b, chain, err := s.shown(r)
	if err != nil {
		s.unauthorized(w, r, err)
		return
	}
	if err := s.Verifier.Verify(chain, s.Self, s.Now()); err != nil {
		s.refused(w, r, nil, err)
		return
	}
	if err := s.door.Charge(r, b.Issuer); err != nil {
		w.Header().Set("Retry-After", "1")
		s.refused(w, r, nil, err)
		return
	}
	leave, err := s.door.Enter(r, b.Issuer)
	if err != nil {
		s.refused(w, r, nil, err)
		return
	}
	defer leave()
	spec, err := s.spec(w, r, chain)
	if err != nil {
		s.refused(w, r, nil, err)
		return
	}
	s.door.Wait(w)
	called, err := s.Caller.Call(context.WithoutCancel(r.Context()), *spec)
	s.door.Answer(w)
	idem := ledger.IdemID(spec.Tool.ID, spec.Key)
	switch {
	case err != nil:
		s.refused(w, r, &idem, err)
	case called.Status >= 300:
		s.failed(w, called)
	default:
		answer(w, Answer{spec.Tool.ID, string(spec.Key), called.Status, called.ReceiptID, called.Replayed, contentOf(called.Body)})
	}
}

// spec returns the call that a request asks for.
func (s *Service) spec(w http.ResponseWriter, r *http.Request, chain caps.Chain) (*calls.Spec, error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return nil, err
	}
	c := &calls.Spec{Key: key, Caps: []caps.Chain{chain}}
	if c.Manner.Wait, err = patience(r); err != nil {
		return nil, err
	}
	if c.Tool, err = s.Tools.Find(r.Context(), r.PathValue("tool")); err != nil {
		return nil, err
	}
	c.Request, err = io.ReadAll(io.LimitReader(s.door.Reader(w, r), maxRequest+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: its body ended early: %w", errHeader, err)
	case len(c.Request) > maxRequest:
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, maxRequest)
	}
	return c, s.Keep(r.Context(), chain...)
}

// unauthorized answers a request without a valid bearer token, as RFC 6750 prescribes.
func (s *Service) unauthorized(w http.ResponseWriter, r *http.Request, err error) {
	challenge := `Bearer realm="mythos"`
	if errors.Is(err, bearer.ErrBearer) {
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	s.door.Refused(r, http.StatusUnauthorized, err)
	problem.Write(w, http.StatusUnauthorized, CallProblem{Problem: problem.Of(http.StatusUnauthorized, "refused", "make one: mythos cap bearer CAP --to "+s.Self.KeyHex(), err)})
}

// failed answers with the recorded failure of a tool.
func (s *Service) failed(w http.ResponseWriter, c *calls.Called) {
	err := fmt.Errorf("the tool failed with status %d", c.Status)
	hint := "for another attempt, use another key; this one: mythos receipt show " + c.ReceiptID.Short()
	problem.Write(w, http.StatusBadGateway, CallProblem{Problem: problem.Of(http.StatusBadGateway, "tool", hint, err), Outcome: Recorded,
		Receipt: &c.ReceiptID, ToolStatus: c.Status, Replayed: c.Replayed, Content: contentOf(c.Body)})
}

// refused answers with the reason why a call is refused; idem is nil if nothing was tried.
func (s *Service) refused(w http.ResponseWriter, r *http.Request, idem *object.Hash, err error) {
	outcome := ""
	if idem != nil {
		outcome = s.outcome(context.WithoutCancel(r.Context()), *idem, err)
	}
	status := statusOf(outcome, err)
	kind, hint := s.door.Refused(r, status, err)
	if errors.Is(err, errHeader) {
		kind = "usage"
	}
	if hint == "" {
		hint = hints[status]
	}
	p := CallProblem{Problem: problem.Of(status, kind, hint, err), Outcome: outcome}
	if errors.Is(err, exec.ErrNotStarted) {
		p.Type, p.Title = problem.About+"not-started", "The tool did not start"
	}
	var refused *exec.RefusedError
	if errors.As(err, &refused) && !refused.ReceiptID.IsZero() {
		p.Receipt = &refused.ReceiptID
	}
	if status == http.StatusConflict || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", retryAfter(err))
	}
	problem.Write(w, status, p)
}

// retryAfter returns after how many seconds to ask again, as far as a rate limit says.
func retryAfter(err error) string {
	var denied *caps.DeniedError
	if errors.As(err, &denied) && denied.Wait > time.Second {
		return strconv.Itoa(int(denied.Wait / time.Second))
	}
	return "1"
}

// hints say what to do about errors that bring no hint of their own.
var hints = map[int]string{
	http.StatusConflict:            "ask again with the same key, or wait: Prefer: wait=60",
	http.StatusUnprocessableEntity: "use another key for another request",
	http.StatusGatewayTimeout:      "find out whether it happened, then: mythos ledger resolve KEY --tool TOOL",
}
