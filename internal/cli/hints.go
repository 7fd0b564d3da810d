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
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
)

// hints are the remedies for errors of the packages below; the first matching row counts.
var hints = []struct {
	err  error
	hint string
}{
	{ledger.ErrIdempotencyConflict, "a key stands for one request: send the same request again, or use another key; `mythos log` shows what happened"},
	{ledger.ErrInside, "the tool's command calls the same tool under the same key: give the inner call its own key"},
	{ledger.ErrDivergent, "`mythos ledger show KEY --tool TOOL` shows its history; `mythos ledger resolve KEY --tool TOOL --decision abandon` settles it"},
	{ledger.ErrNonDeterministic, "the same effect gave different answers: `mythos ledger show KEY --tool TOOL` shows its history"},
	{mcptool.ErrDrift, "see what changed; `mythos tool add` registers the tool as the server describes it now, under another id that needs its own capabilities"},
	{exec.ErrPinned, "the file has changed since it was registered: `mythos tool add` registers the new file as another tool"},
	{exec.ErrNotStarted, "nothing happened and nothing was charged: fix that, and call again; the key is still free"},
	{ledger.ErrAttempt, "see the effect's history, then decide about its latest attempt: `mythos ledger show KEY --tool TOOL`"},
	{ledger.ErrUnknownOutcome, "find out whether it happened, then run: mythos ledger resolve KEY --tool TOOL --decision retry (or abandon)"},
	{ledger.ErrAbandoned, "an operator decided that it must not run: use another key, or see `mythos ledger show KEY --tool TOOL`"},
	{ledger.ErrBusy, "it is running now: leave out --no-wait, or give a longer --wait, to wait for its answer"},
	{badger.ErrBusy, "wait for the other process, or set a longer wait: MYTHOS_BUSY=1m; while `mythos serve` runs, commands can work at the same time"},
	{exec.ErrNoTool, "`mythos tool ls` lists the tools"},
	{store.ErrAmbiguous, "give more digits"},
	{plainfile.ErrKind, "move it away, and restore the original from a backup; `mythos fsck --repair` gets chunks back from peers"},
	{store.ErrDamaged, "restore the whole .mythos folder from one backup; if there is none, `mythos init --new-database` starts with an empty database, and effects may then happen a second time"},
	{identity.ErrDamaged, "restore the whole .mythos folder from one backup; if only the database is lost, `mythos init --new-database` starts with an empty one"},
	{repo.ErrForeign, "if you trust it, name it with --repo DIR or MYTHOS_DIR, or add its folder to safe_directories in your own settings"},
	{remote.ErrOther, "ask its owners: `mythos log` there shows whether its database was restored and a new epoch began; to go on with it all the same: mythos peer rm URL"},
	{epoch.ErrStranger, "its log names the first digits of a key's id: trust that machine's key with `mythos trust add KEY --name NAME`; if it is nobody's, remove the newest object under log/cp/ from the bucket"},
	{epoch.ErrBehind, "if a newer backup can be restored, do that; else see what was lost (docs/cluster.md#backup), then: mythos ledger new-epoch"},
	{kv.ErrMoved, "with a database: `mythos join DIR --store URL --chunks URL`, then -C DIR; with a folder: -C DIR"},
	{engine.ErrInUse, "end servers and workers, let calls end, and run it again: what was copied is not copied again"},
	{kv.ErrMoving, "wait until `mythos migrate` has ended; one that was cut off is run again"},
	{kv.ErrArriving, "run `mythos migrate` again where it comes from"},
	{store.ErrReadOnly, "commands that only read still work; run the others as the owner, where the folder is writable"},
	{syscall.ENOSPC, "free space on that disk: `mythos blob rm CID` and `mythos gc` work even when it is full"},
	{fs.ErrPermission, "`ls -l` shows the file's owner; to get back files that another user, such as root, left in .mythos: `sudo chown -R USER .mythos`"},
	{store.ErrCorrupt, "`mythos fsck` lists what is damaged; `mythos fsck --repair` fetches it from peers"},
	{peers.ErrNoPeer, "`mythos peer ls` lists the peers; `mythos peer add NAME URL` adds one"},
	{identity.ErrNoAgent, "`mythos trust ls` lists the names; `mythos trust add KEY --name NAME` adds one"},
	{keyfile.ErrUnknownName, "`mythos trust ls` lists the names"},
	{osexec.ErrNotFound, "name a program that exists, by its path or as your shell finds it"},
	{ir.ErrInvalid, "`mythos asm FILE` makes a bundle from text; `mythos disasm` shows one"},
	{store.ErrNotFound, "give a whole hash, a unique prefix of 6 or more digits, or a @ref; `mythos log` and the `ls` commands list them"},
}

// hintFor finds the hint for an error that has none.
func hintFor(err error) string {
	for _, h := range hints {
		if !errors.Is(err, h.err) {
			continue
		}
		if at := (*fs.PathError)(nil); h.err == syscall.ENOSPC && errors.As(err, &at) && !inRepository(at.Path) {
			return "no space is left there: free some, or write elsewhere"
		}
		return h.hint
	}
	if refused := (*can.Error)(nil); errors.As(err, &refused) {
		return "expected canonical bytes: `mythos encode --struct NAME` makes them from JSON or YAML, `mythos decode` shows them"
	}
	return ""
}

// inRepository reports whether a file belongs to the store, unlike a file that a command names.
func inRepository(path string) bool {
	return slices.Contains(strings.Split(filepath.ToSlash(path), "/"), repo.Folder)
}

// explain describes an error for somebody who is not at this terminal.
func explain(err error) (kind, hint string) {
	e := classify(err)
	if e.Hint == "" {
		e.Hint = hintFor(e)
	}
	return e.Kind(), e.Hint
}

// addHint adds the remedy if the error has none: for a refused effect, the command that allows it; for a denied
// capability, the advice of its check.
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
		return // blobs have scopes of their own, for which the check has the best advice
	}
	e.Hint = cmdutil.AllowHint(n, e, n.Toolbox.Name(ctx, refused.Tool))
	if e.Object == "" {
		e.Object = refused.ReceiptID.String()
	}
}
