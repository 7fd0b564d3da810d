package cli

import (
	"context"
	"errors"
	"io/fs"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
)

// hints is what helps with the errors of the rooms below; the first row that matches
// counts.
var hints = []struct {
	err  error
	hint string
}{
	{ledger.ErrIdempotencyConflict, "a key stands for one request: ask again with that request, or use another key; `mythos log` shows what happened"},
	{ledger.ErrInside, "what a tool runs calls the tool again, under the same key: give the inner call a key of its own"},
	{ledger.ErrDivergent, "`mythos ledger show KEY --tool TOOL` shows its history, `mythos ledger resolve KEY --tool TOOL --decision abandon` settles it"},
	{ledger.ErrNonDeterministic, "the same effect answered differently: `mythos ledger show KEY --tool TOOL` shows its history"},
	{mcptool.ErrDrift, "see what changed; `mythos tool add` registers the tool as the server describes it now, under another id, which needs capabilities of its own"},
	{exec.ErrPinned, "the file has changed since it was registered: `mythos tool add` registers what it is now, as another tool"},
	{exec.ErrNotStarted, "nothing happened and nothing was charged: mend that, and call again; the key is free"},
	{ledger.ErrAttempt, "see what became of it, then decide about the attempt that it shows: `mythos ledger show KEY --tool TOOL`"},
	{ledger.ErrUnknownOutcome, "find out whether it happened, then: mythos ledger resolve KEY --tool TOOL --decision retry (or abandon)"},
	{ledger.ErrAbandoned, "somebody decided that it shall not run: use another key, or see `mythos ledger show KEY --tool TOOL`"},
	{ledger.ErrBusy, "it is being run now: without --no-wait, or with a longer --wait, the call waits and gets its answer"},
	{badger.ErrBusy, "wait for the other process, or longer: MYTHOS_BUSY=1m; a running `mythos serve` lets all work at once"},
	{exec.ErrNoTool, "`mythos tool ls` lists the tools"},
	{store.ErrAmbiguous, "give more digits"},
	{plainfile.ErrKind, "move it away, and restore what was there from a backup; chunks come back from peers with `mythos fsck --repair`"},
	{store.ErrDamaged, "restore the whole .mythos folder from one backup; where that is lost, `mythos init --new-database` begins anew: effects may happen a second time then"},
	{identity.ErrDamaged, "restore the whole .mythos folder from one backup; where only the database is lost, `mythos init --new-database` begins anew"},
	{repo.ErrForeign, "if you trust it, name it: --repo DIR or MYTHOS_DIR; or add its folder to safe_directories in your own settings"},
	{store.ErrReadOnly, "commands that only read work; for the others run as its owner, where the folder can be written"},
	{syscall.ENOSPC, "free room on that disk; here: `mythos blob rm CID` and `mythos gc`, which work on a full disk, too"},
	{fs.ErrPermission, "`ls -l` says whose the file is; what another user left in .mythos, such as root, its owner gets back with `sudo chown -R USER .mythos`"},
	{store.ErrCorrupt, "`mythos fsck` lists what is damaged, `mythos fsck --repair` fetches it from peers"},
	{peers.ErrNoPeer, "`mythos peer ls` lists the peers, `mythos peer add NAME URL` makes one known"},
	{identity.ErrNoAgent, "`mythos trust ls` lists the names, `mythos trust add KEY --name NAME` gives one"},
	{keyfile.ErrUnknownName, "`mythos trust ls` lists the names"},
	{osexec.ErrNotFound, "name a program that is there, by a path or as your shell finds it"},
	{ir.ErrInvalid, "`mythos asm FILE` makes a bundle from text, `mythos disasm` shows one"},
	{store.ErrNotFound, "a name is a whole hash, a unique prefix of 6 or more digits, or a @ref; `mythos log` and the verbs `ls` list them"},
}

// hintFor finds the hint for an error that has none.
func hintFor(err error) string {
	for _, h := range hints {
		if !errors.Is(err, h.err) {
			continue
		}
		if at := (*fs.PathError)(nil); h.err == syscall.ENOSPC && errors.As(err, &at) && !inRepository(at.Path) {
			return "there is no room where that is written: free some there, or write elsewhere"
		}
		return h.hint
	}
	if refused := (*can.Error)(nil); errors.As(err, &refused) {
		return "canonical bytes are expected: `mythos encode --struct NAME` makes them from JSON or YAML, `mythos decode` shows them"
	}
	return ""
}

// inRepository reports whether a file is the store's: one that a command names is not.
func inRepository(path string) bool {
	return slices.Contains(strings.Split(filepath.ToSlash(path), "/"), repo.Folder)
}

// explain is what is told of an error to somebody who is not at this terminal.
func explain(err error) (kind, hint string) {
	e := classify(err)
	if e.Hint == "" {
		e.Hint = hintFor(e)
	}
	return e.Kind(), e.Hint
}

// addHint says what to do next where the error does not: for an effect that was refused, the
// command that allows it; for a capability that was denied, what its check suggests.
func addHint(ctx context.Context, f *cmdutil.Factory, e *clierr.Error) {
	if e.Hint != "" {
		return
	}
	var denied *caps.DeniedError
	if !errors.As(e, &denied) {
		e.Hint = hintFor(e)
		return
	}
	e.Hint = denied.Help
	if e.Object == "" && !denied.Cap.IsZero() {
		e.Object = denied.Cap.String()
	}
	var refused *exec.RefusedError
	if !errors.As(e, &refused) {
		return
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return
	}
	if _, builtin := n.Gate.BuiltinName(refused.Tool); builtin && denied.Help != "" {
		return // blobs have scopes of their own, which the check knows best
	}
	e.Hint = cmdutil.AllowHint(n, e, n.Toolbox.Name(ctx, refused.Tool))
	if e.Object == "" {
		e.Object = refused.ReceiptID.String()
	}
}
