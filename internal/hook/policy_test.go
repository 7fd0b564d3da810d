package hook_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/hook"
	"github.com/mythos-project/mythos/internal/toolbox"
)

// TestPolicy: a call that a harness runs has the key that its tool's policy names, and costs its price.
func TestPolicy(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Order")
	where, price := "/id", uint64(5)
	if _, _, err := d.Toolbox.SetPolicy(t.Context(), "claude.Order", toolbox.PolicyChange{KeyFrom: &where, Price: &price}); err != nil {
		t.Fatal(err)
	}
	k := d.hook("claude", "scout")
	event := func(name, call, input string) string {
		return `{"session_id":"s","hook_event_name":"` + name + `","tool_name":"Order","tool_use_id":"` + call + `","tool_input":` + input + `,"tool_response":{"ok":true}}`
	}
	if _, err := d.tell(k, event("PreToolUse", "one", `{"id":"A-7"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.tell(k, event("PreToolUse", "two", `{"id":"A-7"}`)); !errors.Is(err, hook.ErrAskedBefore) {
		t.Errorf("an order of the same number: %v", err)
	}
	var refused *exec.RefusedError
	if _, err := d.tell(k, event("PreToolUse", "three", `{}`)); !errors.As(err, &refused) || refused.Status != exec.StatusBadRequest || !strings.Contains(err.Error(), "/id") {
		t.Errorf("an order without a number: %v", err)
	}
	out, err := d.tell(k, event("PostToolUse", "one", `{"id":"A-7"}`))
	if err != nil || out.Price != 5 {
		t.Errorf("%+v, %v", out, err)
	}
	if s := d.state("claude.Order", `scout/a/"A-7"`); s.Commit == nil || s.Receipt == nil {
		t.Errorf("%+v", s)
	}
}
