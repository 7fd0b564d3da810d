package cli

import (
	"context"
	"errors"
	"io/fs"
	osexec "os/exec"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/bucket"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/postgres"
	"github.com/mythos-project/mythos/store/seekable"
)

// codes is the table that maps errors to exit codes; the first matching row counts.
var codes = []struct {
	code int
	errs []error
}{
	{clierr.Invalid, []error{exec.ErrPinned}}, // also if it is the reason why a tool did not start
	{clierr.Tool, []error{exec.ErrNotStarted, ledger.ErrStopped}},
	{clierr.Conflict, []error{ledger.ErrAttempt, ledger.ErrInside, ledger.ErrIdempotencyConflict, ledger.ErrNonDeterministic, ledger.ErrDivergent, run.ErrReplay, exec.ErrPolicyOfOthers, store.ErrChanged, model.ErrConflict, caps.ErrPolicyOld, caps.ErrRevocationOld, caps.ErrRevocationFork, keyfile.ErrExists}},
	{clierr.Refused, []error{kv.ErrMoved, epoch.ErrBehind, epoch.ErrNotBehind, epoch.ErrStranger}},
	{clierr.Failed, []error{postgres.ErrUnknown}},
	{clierr.Busy, []error{ledger.ErrBusy, badger.ErrBusy, kv.ErrMoving, kv.ErrArriving, engine.ErrInUse, store.ErrCollecting, postgres.ErrUnreachable, bucket.ErrUnreachable}},
	{clierr.Usage, []error{postgres.ErrAddress, bucket.ErrAddress, engine.ErrPlaces}},
	{clierr.Refused, []error{postgres.ErrFormat, postgres.ErrUnsafe, bucket.ErrUnsafe, engine.ErrShared}},
	{clierr.NotFound, []error{postgres.ErrNoRepository}},
	{clierr.Conflict, []error{postgres.ErrExists, bucket.ErrTaken, engine.ErrTaken}},
	{clierr.Refused, []error{caps.ErrDenied, caps.ErrQuota, vm.ErrBudget, packet.ErrUntrusted, packet.ErrReplay, packet.ErrExpired,
		packet.ErrGuard, store.ErrKey, keyfile.ErrPassphrase, keyfile.ErrNoPassphrase, keyfile.ErrMode, ledger.ErrUnknownOutcome, ledger.ErrAbandoned, model.ErrRefused, lookup.ErrReservedRef, repo.ErrForeign}},
	{clierr.Tool, []error{exec.ErrLost}},
	{clierr.Invalid, []error{packet.ErrFraming, packet.ErrCodebook, packet.ErrDecode, packet.ErrSignature, packet.ErrPayload,
		ir.ErrInvalid, store.ErrCorrupt, seekable.ErrPacked, plainfile.ErrKind, merkle.ErrProof, merkle.ErrNode, sign.ErrSignature, object.ErrID, object.ErrInvalid, keyfile.ErrFormat, keyfile.ErrKeyType, keyfile.ErrTrust, caps.ErrText, ledger.ErrEntry,
		mlog.ErrCheckpoint}},
	{clierr.NotFound, []error{store.ErrNotFound, hold.ErrNotFrozen, keyfile.ErrUnknownName, model.ErrNotFound, ledger.ErrNotFound, exec.ErrNoTool, run.ErrNoRun, vm.ErrNoTask, merkle.ErrIndex, fs.ErrNotExist, osexec.ErrNotFound}},
	{clierr.Usage, []error{store.ErrChunkSize, store.ErrRange, store.ErrAmbiguous, store.ErrRefName, toolname.Err, keyfile.ErrName, config.ErrSetting}},
	{clierr.Refused, []error{exec.ErrRefused}},
	{clierr.Busy, []error{context.DeadlineExceeded}},
}

// hintOf is the remedy, if the error itself has one.
func hintOf(err error) string {
	var denied *caps.DeniedError
	switch {
	case errors.As(err, &denied):
		return denied.Help
	case errors.Is(err, keyfile.ErrNoPassphrase):
		return "set " + cmdutil.EnvPassphrase + " or " + cmdutil.EnvPassphraseFile + ", or run it on a terminal"
	case errors.Is(err, lookup.ErrReservedRef):
		return "only promotions move the refs of rings, and only builds make those of datasets: choose another name"
	case errors.Is(err, config.ErrSetting):
		return "docs/settings.md lists the settings and their values"
	case errors.Is(err, exec.ErrPolicyOfOthers):
		return "register it with the same policy, or change the policy of all these names with --replace"
	case errors.Is(err, store.ErrChanged):
		return "see where it points now: `mythos ref ls`"
	case errors.Is(err, caps.ErrPolicy):
		return "see `mythos cap policy show`"
	}
	return ""
}
