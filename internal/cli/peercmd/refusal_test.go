package peercmd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/object"
)

// TestRefusalCodes: a refusal has the same exit code as at the peer, and advice that helps.
func TestRefusalCodes(t *testing.T) {
	now := object.TimeOf(time.Unix(1_700_000_000, 0))
	for _, c := range []struct {
		err  peer.StatusError
		code int
		hint string
	}{
		{peer.StatusError{Status: 500, Kind: "busy"}, clierr.Busy, "submit again when it is done"},
		{peer.StatusError{Status: 500, Kind: "busy", Hint: "do that"}, clierr.Busy, "at the peer: do that"},
		{peer.StatusError{Status: 500, Kind: "conflict"}, clierr.Conflict, ""},
		{peer.StatusError{Status: 500, Kind: "tool"}, clierr.Tool, ""},
		{peer.StatusError{Status: 500, Kind: "ok"}, clierr.Failed, ""},
		{peer.StatusError{Status: 500, Kind: "never heard of"}, clierr.Failed, ""},
		{peer.StatusError{Status: 403}, clierr.Refused, ""},
		{peer.StatusError{Status: 404}, clierr.NotFound, ""},
		{peer.StatusError{Status: 409}, clierr.Refused, "fresh replay guard"},
		{peer.StatusError{Status: 409, There: now, Here: now.Add(time.Hour)}, clierr.Refused, "set the clock that is wrong"},
		{peer.StatusError{Status: 409, There: now, Here: now.Add(time.Second)}, clierr.Refused, "fresh replay guard"},
		{peer.StatusError{Status: 416}, clierr.Usage, ""},
		{peer.StatusError{Status: 503}, clierr.Busy, "in a few seconds"},
	} {
		e, ok := clierr.As(PeerError(fmt.Errorf("asked: %w", &c.err)))
		if !ok || e.Code != c.code || !strings.Contains(e.Hint, c.hint) || (c.hint == "" && e.Hint != "") {
			t.Errorf("%+v: exit code %d, hint %q", c.err, e.Code, e.Hint)
		}
	}
}

// TestHaltedCodes: a task that was halted at a peer has the same exit code as one that was halted here.
func TestHaltedCodes(t *testing.T) {
	for code, want := range map[vm.HaltCode]int{vm.HaltCPU: clierr.Refused, vm.HaltSpawn: clierr.Refused, vm.HaltQuota: clierr.Refused,
		vm.HaltConflict: clierr.Conflict, vm.HaltDivergent: clierr.Conflict, vm.HaltEnsures: clierr.Failed, vm.HaltOperand: clierr.Failed} {
		if got := haltedCode(&run.Answer{Result: (&vm.HaltError{Code: code}).Value().Encode()}); got != want {
			t.Errorf("%s: exit code %d, expected %d", code, got, want)
		}
	}
	if got := haltedCode(&run.Answer{Result: vm.Value{}.Encode()}); got != clierr.Refused {
		t.Errorf("cancelled: exit code %d", got)
	}
}
