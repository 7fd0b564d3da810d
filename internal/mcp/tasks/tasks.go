// Package tasks lets an MCP client submit programs and publish what they need: the tools of `mcp serve --with tasks`
// (spec/tools.md#tasks). A submission is the effect compute.spawn, a publication the effect blob.put, each through the
// executor under the agent's own capabilities; only the ledger knows of either. What belongs to another agent looks as
// if it did not exist.
package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/remedy"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Desk serves the submissions of one agent. Its exported fields are set before the first call. It is safe for
// concurrent use.
type Desk struct {
	Repo *repo.Repo
	// Agent is the submitting agent, as at the beginning of its keys.
	Agent string
	// Bounded says that it is an agent of `mythos agent add`, and not the owner.
	Bounded bool
	// Held returns all the agent's capabilities.
	Held func(ctx context.Context) ([]caps.Chain, error)
	// Reads finds what the agent's receipts reach.
	Reads serve.Reads
	// Until ends the running tasks in any case.
	Until context.Context //nolint:containedctx // it is the process's

	mu      sync.Mutex
	running int
	all     sync.WaitGroup
}

// Bounds of requests and answers.
const (
	maxInline  = 4 << 20  // bytes of a bundle, or of data, in the arguments
	maxBundle  = 16 << 20 // bytes of a bundle given by its name
	maxKey     = 256      // bytes
	maxCaps    = 64       // capabilities of a task
	maxRunning = 16       // tasks of one agent running in this process
	maxValue   = 16 << 10 // bytes of a result that is shown
	maxFetch   = 64 << 10 // bytes at a time
)

// Names of the tools; dots are for clients that use the protocol's own names.
const prefix = "mythos."

// Tools returns the five tools. With dotted, they are listed by their dotted names; they can be called by either.
func (d *Desk) Tools(dotted bool) []serve.Own {
	own := func(name, what, input string, writes bool, run func(context.Context, json.RawMessage) (any, error)) serve.Own {
		o := serve.Own{Name: serve.ClientName(prefix + name), Alias: prefix + name, Description: what, Input: json.RawMessage(input), Writes: writes,
			Run: func(ctx context.Context, arguments json.RawMessage) (string, error) {
				v, err := run(ctx, arguments)
				if err != nil {
					return "", err
				}
				raw, err := json.Marshal(v)
				return string(raw), err
			}}
		if dotted {
			o.Name, o.Alias = o.Alias, o.Name
		}
		return o
	}
	return []serve.Own{
		own("submit", "Have a task of a bundle run, once for its key; returns its task_ref at once. Needs compute.spawn; the task acts under the capabilities of yours that caps names, and no others.", submitInput, true, d.submit),
		own("status", "Where a task of yours stands: running, done, failed, or unknown.", refInput, false, d.status),
		own("results", "What a task of yours gave. A long value is named by its cid: mythos_fetch reads it with the task_ref.", refInput, false, d.results),
		own("publish", "Keep bytes, such as a bundle, under their content id, once. Needs blob.write for the namespace.", publishInput, true, d.publish),
		own("fetch", "Read what you published, what a task of yours gave, or what a call of yours sent or got: at most 64 KiB at a time.", fetchInput, false, d.fetch),
	}
}

const (
	ringInput = `"ring":{"type":"integer","minimum":0,"description":"0; another one is not here"}`
	keyInput  = `{"type":"string","minLength":1,"maxLength":256,"description":"your name for it: asked again under the same one, it is the same"}`
	cidInput  = `{"type":"string","description":"64 hex digits"}`
	refInput  = `{"type":"object","properties":{"task_ref":` + cidInput + `},"required":["task_ref"],"additionalProperties":false}`

	submitInput = `{"type":"object","properties":{"key":` + keyInput + `,"bundle":` + cidInput + `,"bundle_base64":{"type":"string","description":"the bundle itself, instead; at most 4 MiB"},` +
		`"task":` + cidInput + `,"budget":{"type":"object","properties":{"cpu_us":{"type":"integer","minimum":0},"io":{"type":"integer","minimum":0}},"additionalProperties":false},` +
		`"caps":{"type":"array","maxItems":64,"items":` + cidInput + `,"description":"capabilities of yours that the task may activate"},` + ringInput + `},"required":["key"],"additionalProperties":false}`
	publishInput = `{"type":"object","properties":{"text":{"type":"string"},"base64":{"type":"string","description":"instead of text; at most 4 MiB"},"media":{"type":"string"},` +
		`"namespace":{"type":"string","description":"your name by default"},` + ringInput + `},"additionalProperties":false}`
	fetchInput = `{"type":"object","properties":{"cid":` + cidInput + `,"task_ref":` + cidInput + `,"as":{"enum":["decoded","bytes","json"],"description":"decoded by default: a text, or base64 where it is none"},` +
		`"offset":{"type":"integer","minimum":0},"length":{"type":"integer","minimum":1,"maximum":65536}},"required":["cid"],"additionalProperties":false}`
)

// Close waits for the running tasks.
func (d *Desk) Close() { d.all.Wait() }

// Errors that a client reads.
var (
	ErrNoTask = errors.New("you have no such task")
	ErrRing   = errors.New("only ring 0 is served here. Nothing happened")
	ErrKeyHas = errors.New("this key stands for another task of yours. Nothing happened")
	ErrMany   = fmt.Errorf("%d tasks of yours run. Nothing happened: ask again when one has ended", maxRunning)
)

// reading reads the arguments of a tool.
func reading[T any](arguments json.RawMessage) (a T, err error) {
	if err = jsontext.Unmarshal(arguments, &a); err != nil {
		err = fmt.Errorf("the arguments: %w. Nothing happened", err)
	}
	return a, err
}

// held returns the agent's capabilities of a kind.
func (d *Desk) held(ctx context.Context, kind uint8) (fit []caps.Chain, err error) {
	all, err := d.Held(ctx)
	for _, chain := range all {
		if scope.Serves(chain[0].Cap.Scope.Kind, kind) {
			fit = append(fit, chain)
		}
	}
	return fit, err
}

// refused says why the executor did not allow an effect, and what a person can do.
func (d *Desk) refused(err error, what string) error {
	var refused *exec.RefusedError
	switch {
	case errors.Is(err, ledger.ErrUnknownOutcome):
		return fmt.Errorf("nobody knows what became of it: %w. It may have happened; a person decides: mythos ledger resolve", err)
	case errors.Is(err, ledger.ErrIdempotencyConflict):
		return ErrKeyHas
	case !errors.As(err, &refused):
		return err
	}
	text := fmt.Sprintf("refused (%d): %v. Nothing happened.", refused.Status, refused.Err)
	var denied *caps.DeniedError
	if errors.As(err, &denied) && (denied.Check == caps.CheckFrozen || denied.Check == caps.CheckRate || denied.Check == caps.CheckApproval) {
		text += "\n" + denied.Help
	} else if errors.Is(err, caps.ErrDenied) || errors.Is(err, caps.ErrQuota) {
		command := remedy.Issue(d.Agent, what, "1h")
		if d.Bounded {
			command = remedy.Grant(d.Agent, "--scope", what)
		}
		text += "\nA person can allow it: " + command
	}
	if !refused.ReceiptID.IsZero() {
		text += "\nReceipt " + refused.ReceiptID.String()
	}
	return errors.New(text)
}

// ringZero refuses any other ring.
func ringZero(ring *uint64) error {
	if ring != nil && *ring != 0 {
		return ErrRing
	}
	return nil
}

// checkKey refuses an invalid key.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("key: 1 to %d bytes without control characters are expected. Nothing happened", maxKey)
	}
	return nil
}

// missing reports whether something does not exist, as far as the agent may know.
func missing(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, serve.ErrNotReached)
}

func parse(name, text string) (object.Hash, error) {
	h, err := object.ParseHash(text)
	if err != nil {
		err = fmt.Errorf("%s %.80q: 64 hex digits are expected. Nothing happened", name, text)
	}
	return h, err
}
