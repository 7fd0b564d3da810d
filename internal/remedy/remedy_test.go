package remedy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/caps"
)

func TestCommands(t *testing.T) {
	for got, want := range map[string]string{
		Issue("self", "tool.call:deploy,calls=1", "1h"):                "mythos cap issue --to self --scope tool.call:deploy,calls=1 --ttl 1h",
		Issue("scout", `tool.call:x,eq:/to="it's"`, "30d"):             `mythos cap issue --to scout --scope 'tool.call:x,eq:/to="it'\''s"' --ttl 30d`,
		Grant("scout", "--tools", "fs.*", "--calls", "1"):              "mythos agent add scout --tools 'fs.*' --calls 1 --ttl 1h",
		Grant("scout", "--scope", "blob.write:$(touch x),max=1,m=a/b"): "mythos agent add scout --scope 'blob.write:$(touch x),max=1,m=a/b' --ttl 1h",
	} {
		if got != want {
			t.Errorf("got %s, expected %s", got, want)
		}
	}
}

// If another capability does not help, none is suggested.
func TestFor(t *testing.T) {
	for check, want := range map[string]string{caps.CheckScope: "issue", caps.CheckQuota: "issue", caps.CheckActive: "issue", caps.CheckFrozen: "thaw", caps.CheckRevocation: "thaw",
		caps.CheckTime: "thaw", caps.CheckTrust: "thaw"} {
		err := fmt.Errorf("a call: %w", &caps.DeniedError{Check: check, Help: "thaw"})
		if got := For(err, "issue"); got != want {
			t.Errorf("%s: %s, expected %s", check, got, want)
		}
	}
	if got := For(errors.New("a quota is used up"), "issue"); got != "issue" {
		t.Error(got)
	}
	if got := For(&caps.DeniedError{Check: caps.CheckHolder, Help: "thaw"}, "issue"); got == "issue" || got == "thaw" {
		t.Errorf("a capability of somebody else: %s", got)
	}
}
