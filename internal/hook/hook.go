// Package hook puts tools that a harness runs itself under the executor: the harness asks before a call, and reports
// afterwards (docs/hooks.md, spec/tools.md#hooks). Only what was seen is signed: before, that the call was asked for
// and allowed; afterwards, the outcome that the harness declares. Nobody here knows whether the call was made as it was
// allowed, or at all.
package hook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/natural"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Hook is the hook of one harness and one agent.
type Hook struct {
	Harness *Harness
	Session *session.Session // the agent of the calls, and its capabilities
}

// New makes a hook. From then on the session's executor lets declared tools begin.
func New(h *Harness, s *session.Session) *Hook {
	s.Gate.Runners[exec.KindDeclared] = runner{}
	return &Hook{h, s}
}

// call is the record of an allowed call, for the process that receives its outcome.
type call struct {
	Tool object.Hash `json:"tool"`
	Key  string      `json:"key"`
	Cap  object.Hash `json:"cap"` // that was charged
	At   object.Time `json:"at"`
}

// errAllowed ends an attempt of the executor that the harness now makes.
var errAllowed = errors.New("the harness runs it")

// runner is the executor's runner for declared tools, only in processes that ask for a harness.
type runner struct{}

func (runner) Run(context.Context, exec.Call) (exec.Response, error) {
	return exec.Response{}, errAllowed
}

// Errors for events that are ignored.
var (
	ErrNotDeclared = errors.New("it is not registered as a declared tool of this harness")
	ErrAskedBefore = errors.New("a call of this name was registered before")
	ErrNotAsked    = errors.New("no equal call without an outcome was registered: nothing is recorded")
	ErrOtherInput  = errors.New("the registered call had another input: its history is marked as divergent")
)

// Before asks for a call. Without an error it is allowed, and its cost is charged.
func (h *Hook) Before(ctx context.Context, e *Event) (session.Call, error) {
	c := session.Call{Tool: exec.Tool{Name: h.Harness.Tool(e.Tool)}, Request: e.Input}
	tool, err := h.Session.Gate.Tools.Find(ctx, c.Tool.Name)
	if err != nil {
		return c, err
	}
	if c.Tool = tool; tool.Module.Kind != exec.KindDeclared || tool.Module.Tool != e.Tool {
		return c, fmt.Errorf("tool %s: %w", tool.Name, ErrNotDeclared)
	}
	held, err := h.held(ctx, tool.ID)
	if err != nil {
		return c, err
	}
	asked, err := h.Session.Asked(ctx, c, held)
	if err != nil {
		return c, err
	}
	key, err := h.key(e, tool)
	if err != nil {
		return c, h.Session.Gate.Refuse(ctx, exec.Effect{Tool: tool.ID, Request: e.Input}, exec.StatusBadRequest, err)
	}
	made := tool.Policy.KeyFrom == ""
	if made {
		key = cmp.Or(asked, key)
	}
	one := call{Tool: tool.ID, Key: key, At: h.Session.Gate.Now()}
	effect := exec.Effect{Tool: tool.ID, Request: e.Input, Key: []byte(one.Key), Caps: held, Manner: exec.Manner{Wait: exec.NoWait, Made: made}}
	effect.Charged = func(chain caps.Chain) { one.Cap = chain[0].ID }
	record := h.slot(e) + ledger.IdemID(tool.ID, effect.Key).String()
	effect.Riders = []ledger.Rider{{Size: len(record) + 512, Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) {
		raw, err := json.Marshal(one)
		return map[string][]byte{record: raw}, err
	}}}
	switch _, err := h.Session.Gate.Do(ctx, effect); {
	case errors.Is(err, errAllowed):
		return c, nil
	case err == nil, errors.Is(err, ledger.ErrBusy), errors.Is(err, ledger.ErrUnknownOutcome), errors.Is(err, ledger.ErrIdempotencyConflict):
		return c, fmt.Errorf("call %q of %s: %w", cmp.Or(e.ID, "without a name"), tool.Name, ErrAskedBefore)
	default:
		return c, err
	}
}

// held returns the capabilities that name a tool.
func (h *Hook) held(ctx context.Context, tool object.Hash) (fit []caps.Chain, err error) {
	all, err := h.Session.Held(ctx)
	for _, chain := range all {
		if slices.Contains(session.ToolsOf(chain), tool) {
			fit = append(fit, chain)
		}
	}
	return fit, err
}

// After records the outcome of a call, as the harness declares it.
func (h *Hook) After(ctx context.Context, e *Event) (exec.Outcome, error) {
	open, err := h.open(ctx, e)
	if err != nil {
		return exec.Outcome{}, err
	}
	gate := h.Session.Gate
	for _, one := range open {
		effect := exec.Effect{Tool: one.Tool, Request: e.Input, Key: []byte(one.Key)}
		s, err := gate.Ledger.Read(ctx, ledger.IdemID(one.Tool, effect.Key))
		if err != nil {
			return exec.Outcome{}, err
		}
		if !s.Open() {
			continue
		}
		out, err := gate.Declare(ctx, effect, s.Fence, one.Cap, exec.Response{Status: e.Status, Body: e.Response, Notes: h.notes(e)})
		switch {
		case errors.Is(err, ledger.ErrAttempt): // another event was faster
			continue
		case errors.Is(err, ledger.ErrIdempotencyConflict):
			return out, errors.Join(fmt.Errorf("tool %s: %w", h.Harness.Tool(e.Tool), ErrOtherInput), h.forget(ctx, one.record))
		case err != nil:
			return out, err
		}
		return out, h.forget(ctx, one.record)
	}
	return exec.Outcome{}, fmt.Errorf("tool %s: %w", h.Harness.Tool(e.Tool), ErrNotAsked)
}

func (h *Hook) forget(ctx context.Context, record string) error {
	_, err := h.Session.KV.Update(context.WithoutCancel(ctx), nil, map[string][]byte{record: nil})
	return err
}

// stored is a record that was read.
type stored struct {
	record string
	call
}

// open returns the calls that an event may be about, oldest first.
func (h *Hook) open(ctx context.Context, e *Event) (list []stored, err error) {
	err = kv.Scan(ctx, h.Session.KV, h.slot(e), func(record string, value []byte) error {
		one := stored{record: record}
		if err := json.Unmarshal(bytes.Clone(value), &one.call); err != nil {
			return fmt.Errorf("record %s: %w", record, err)
		}
		list = append(list, one)
		return nil
	})
	slices.SortFunc(list, func(a, b stored) int { return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.record, b.record)) })
	return list, err
}

// slot is the prefix of the records of the calls that an event may be about: those with its name, or equal ones if the
// harness does not name calls.
func (h *Hook) slot(e *Event) string {
	parts := []string{h.Session.Agent, h.Harness.Name, e.Session, e.Tool, "id", e.ID}
	if e.ID == "" {
		parts = append(parts[:4], "input", string(e.Input))
	}
	var all strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&all, "%d:%s", len(p), p)
	}
	return kv.Declared + object.Sum([]byte(all.String())).String() + "/"
}

// key returns the key of a call: the argument that the tool's policy names, or else the harness's.
func (h *Hook) key(e *Event, t exec.Tool) (string, error) {
	if t.Policy.KeyFrom != "" {
		key, err := natural.Key(t.Policy.KeyFrom, e.Input)
		return h.Session.Agent + "/" + natural.Lead + key, err
	}
	begin := h.Session.Agent + "/h/" + h.Harness.Name + "/"
	if e.ID == "" {
		return begin + strings.ToLower(rand.Text()), nil
	}
	return begin + plain(e.Session) + "/" + plain(e.ID), nil
}

var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`) })

// plain returns a name for use in a key: the name itself, or its hash if it has other characters.
func plain(name string) string {
	if plainName().MatchString(name) && !strings.HasPrefix(name, "sha256:") {
		return name
	}
	return "sha256:" + object.Sum([]byte(name)).String()
}

// Tool returns the local name of a tool of the harness.
func (h *Harness) Tool(name string) string { return h.Name + "." + name }

// notes say in the receipt who declared the outcome.
func (h *Hook) notes(e *Event) string {
	notes := fmt.Sprintf("declared by %s, for %s; nobody here ran it; session %s", h.Harness.Name, h.Session.Agent, plain(e.Session))
	if e.Mode != "" {
		notes += fmt.Sprintf("; permission mode %q", e.Mode)
	}
	if e.Why != "" {
		notes += fmt.Sprintf("; failure %q", e.Why)
	}
	return notes
}
