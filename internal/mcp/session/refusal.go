package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/remedy"
	"github.com/mythos-project/mythos/ledger"
)

// Refusal says why a call has no result of its tool, in words that a model can act upon.
type Refusal struct {
	Status  uint16 // as in the receipt; 0: there is none
	Kind    string // denied, quota, rate, frozen, approval, drift, request, not_started, unknown, conflict, failed
	Text    string // why
	Outcome string // what this means: what happened, and whether to ask again
	Remedy  string // what a person can do; empty: nothing
}

const (
	nothing   = "Nothing happened. Asking again changes nothing."
	noneYet   = "Nothing happened."
	uncertain = "It may have happened. Check before asking again."
)

// refusal returns the result that says why a call was not made, or what is unknown about it.
func (s *Session) refusal(c Call, r Reply) json.RawMessage {
	f := s.Explain(c, r.Err)
	about := r.About()
	receipt := ""
	if id := r.receipt(); !id.IsZero() {
		receipt = id.String()
	}
	var fields jsontext.Fields
	fields.AddText("kind", f.Kind)
	if f.Status != 0 {
		fields.Add("status", json.RawMessage(fmt.Sprint(f.Status)))
	}
	fields.AddText("tool", c.Tool.Name)
	fields.AddText("why", f.Text)
	fields.AddText("remedy", f.Remedy)
	fields.AddText("receipt", receipt)
	about.Add(ownPrefix+"refusal", fields.JSON())
	var text strings.Builder
	text.WriteString(f.Text + "\n" + f.Outcome)
	if f.Remedy != "" {
		text.WriteString("\nA person can allow it: " + f.Remedy)
	}
	if receipt != "" {
		text.WriteString("\nReceipt " + receipt)
	}
	return textResult(text.String(), true, about)
}

// Explain says why a call was not made.
func (s *Session) Explain(c Call, err error) Refusal {
	var refused *exec.RefusedError
	var denied *caps.DeniedError
	var drift *mcptool.DriftError
	var noTool *mcptool.NoToolError
	var unknown interface{ Remedy() string }
	status := uint16(0)
	if errors.As(err, &refused) {
		status = refused.Status
	}
	at := ""
	if status != 0 {
		at = fmt.Sprintf(" (%d)", status)
	}
	switch {
	case errors.Is(err, exec.ErrLost) && c.Tool.Policy.Reads:
		return Refusal{status, "lost", "No answer came: " + err.Error() + ".", "It only reads: asking again is safe.", ""}
	case errors.Is(err, ledger.ErrUnknownOutcome) || errors.Is(err, exec.ErrLost):
		return Refusal{status, "unknown", "Nobody knows what became of this call: " + err.Error() + ".", uncertain, "mythos ledger resolve, once it is known what happened"}
	case errors.As(err, &denied) && denied.Check == caps.CheckRate:
		return Refusal{status, "rate", "Refused" + at + ": too often for " + c.Tool.Name + ": " + denied.Reason + ".", noneYet + " " + strings.ToUpper(denied.Help[:1]) + denied.Help[1:] + ".", ""}
	case errors.Is(err, caps.ErrQuota):
		return Refusal{status, "quota", "Refused" + at + ": " + err.Error() + ".", nothing, s.allow(c, nil)}
	case errors.As(err, &denied) && denied.Check == caps.CheckFrozen:
		return Refusal{status, "frozen", "Refused" + at + ": " + denied.Reason + ".", nothing, denied.Help}
	case errors.As(err, &denied) && denied.Check == caps.CheckApproval:
		return waits(status, at, denied)
	case errors.As(err, &denied):
		return Refusal{status, "denied", "Refused" + at + ": " + s.denial(c, denied) + ".", nothing, s.allow(c, denied)}
	case errors.As(err, &drift), errors.As(err, &noTool):
		return Refusal{status, "drift", "Refused" + at + ": " + err.Error() + ".", nothing, "mythos tool approve " + server(c.Tool.Name)}
	case errors.As(err, &unknown):
		return Refusal{status, "unregistered", "Refused" + at + ": " + err.Error() + ".", nothing, unknown.Remedy()}
	case errors.Is(err, exec.ErrPinned):
		return Refusal{status, "pinned", "Refused" + at + ": " + err.Error() + ".", nothing, "mythos tool approve " + server(c.Tool.Name)}
	case errors.Is(err, exec.ErrRequest), errors.Is(err, exec.ErrRequestTooLarge):
		return Refusal{status, "request", "Refused" + at + ": " + err.Error() + ".", noneYet + " Ask with other arguments.", ""}
	case errors.Is(err, ledger.ErrIdempotencyConflict):
		return Refusal{status, "conflict", "Conflict: the key of this call stands for a call with other arguments.", nothing, ""}
	case errors.Is(err, exec.ErrNotStarted):
		return Refusal{status, "not_started", "The call did not start: " + err.Error() + ".", noneYet + " It is safe to ask again.", ""}
	case refused != nil:
		return Refusal{status, "refused", "Refused" + at + ": " + refused.Err.Error() + ".", nothing, ""}
	}
	return Refusal{status, "failed", "The call could not be made: " + err.Error() + ".", uncertain, ""}
}

// server returns the local name of a tool's server.
func server(tool string) string {
	name, _, _ := strings.Cut(tool, ".")
	return name
}

// denial says which capability is insufficient, and how.
func (s *Session) denial(c Call, d *caps.DeniedError) string {
	if d.Check == caps.CheckActive || d.Cap.IsZero() {
		return fmt.Sprintf("%s holds no capability for tool %s", s.Agent, c.Tool.Name)
	}
	text := fmt.Sprintf("capability %s does not cover this call of %s: %s", d.Cap.Short(), c.Tool.Name, d.Reason)
	if call := s.scopeOf(d); call != nil && d.Check == caps.CheckScope && len(call.Constraints) > 0 {
		text += ". It covers the tool only where " + strings.Join(constraints(call), " and ")
	}
	return text
}

func constraints(call *scope.ToolCall) (words []string) {
	for _, key := range slices.Sorted(maps.Keys(call.Constraints)) {
		op, at, _ := strings.Cut(key, ":")
		switch op {
		case "prefix":
			words = append(words, fmt.Sprintf("%s begins with %q", at, call.Constraints[key]))
		case "eq":
			words = append(words, fmt.Sprintf("%s is %q", at, call.Constraints[key]))
		default:
			words = append(words, key+"="+call.Constraints[key])
		}
	}
	return words
}

// scopeOf returns the scope of the capability under which a call was denied.
func (s *Session) scopeOf(d *caps.DeniedError) *scope.ToolCall {
	held := s.held.Load()
	if held == nil {
		return nil
	}
	for _, chain := range *held {
		for _, l := range chain {
			if l.ID != d.Cap {
				continue
			}
			if what, err := l.Cap.Scope.Decode(); err == nil {
				call, _ := what.(*scope.ToolCall)
				return call
			}
		}
	}
	return nil
}

// allow returns the command that allows exactly this call, once: what the insufficient capability constrains is fixed
// to the values of the call.
func (s *Session) allow(c Call, d *caps.DeniedError) string {
	if s.Bounded {
		return remedy.Grant(s.Agent, "--tools", c.Tool.Name, "--calls", "1")
	}
	text := "tool.call:" + c.Tool.Name + ",calls=1"
	if d != nil && d.Check == caps.CheckScope {
		text += s.exactly(c, s.scopeOf(d))
	}
	return remedy.Issue(s.Agent, text, "1h")
}

// exactly constrains a scope to the values of a call, as far as they are plain.
func (s *Session) exactly(c Call, call *scope.ToolCall) string {
	if call == nil {
		return ""
	}
	pointers := map[string]bool{}
	for key := range call.Constraints {
		if op, at, ok := strings.Cut(key, ":"); ok && op != "closed" {
			pointers[at] = true
		}
	}
	text := ""
	for _, at := range slices.Sorted(maps.Keys(pointers)) {
		p, err := jsontext.ParsePointer(at)
		if err != nil {
			return ""
		}
		value, err := p.In(c.Request)
		if err != nil || value == nil {
			continue
		}
		plain, err := jsontext.PlainText(value)
		if err != nil || !plainValue().MatchString(plain) || !plainValue().MatchString(at) {
			continue
		}
		if jsontext.Kind(value) == '"' && (numeral().MatchString(plain) || plain == "true" || plain == "false" || plain == "null") {
			plain = `"` + plain + `"`
		}
		text += ",eq:" + at + "=" + plain
	}
	return text
}

var (
	plainValue = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9 ._:/@+-]{1,512}$`) })
	numeral    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?[0-9]+$`) })
)
