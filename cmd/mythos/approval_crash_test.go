//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestKilledApproved kills a call that people agreed to while its tool runs. What they agreed to is used up: a tool that is safe
// to repeat goes on under it, and the receipt names the capability that they agreed under; of any other nobody knows,
// and it does not run again.
func TestKilledApproved(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{"--retry-safe"}, nil} {
		dir := repository(t)
		noting(t, dir, flags...)
		here := func(args ...string) string { return strings.TrimSpace(mustRun(t, dir, append(args, "-q")...)) }
		here("cap", "revoke", strings.Fields(here("cap", "ls"))[0])
		here("key", "gen", "bob")
		here("trust", "add", "bob", "--for", "approve/ops")
		first := here("cap", "issue", "--to", "self", "--scope", "tool.call:note,approve=1/ops", "--ttl", "8h")
		call := []string{"call", "note", "--key", "k", "--in", "in"}
		if _, errOut, code := outcome(t, command(dir, call...)); code != 4 || !strings.Contains(errOut, "waits for approval") {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
		id, _, _ := strings.Cut(here("approve", "ls"), "\t")
		here("approve", "sign", id, "--key", "bob")
		here("cap", "issue", "--to", "self", "--scope", "tool.call:note,approve=1/ops", "--ttl", "1h") // it would be used before the other
		block(t, dir, true)
		killAfter(t, dir, start(t, dir, call...), 1)
		block(t, dir, false)
		for range 2 {
			out, errOut, code := outcome(t, command(dir, call...))
			switch {
			case flags != nil && (code != 0 || out != "hello" || calls(t, dir) != 2):
				t.Errorf("exit code %d, %q, %d calls: %s", code, out, calls(t, dir), errOut)
			case flags == nil && (code != 4 || calls(t, dir) != 1 || strings.Contains(errOut, "approval")):
				t.Errorf("exit code %d, %q, %d calls: %s", code, out, calls(t, dir), errOut)
			}
		}
		if all := here("approve", "ls", "--all"); !strings.Contains(all, "spent\tnote") || strings.Count(all, "\n") > 0 {
			t.Errorf("%s", all)
		}
		if flags != nil {
			var r struct {
				ID     string `json:"receipt_id"`
				Status int
			}
			for lines := json.NewDecoder(strings.NewReader(here("receipt", "ls", "--tool", "note", "--json"))); r.Status != 200; {
				if err := lines.Decode(&r); err != nil {
					t.Fatal(err)
				}
			}
			here("receipt", "export", r.ID, "-o", "evidence")
			expect(t, mustRun(t, dir, "receipt", "verify", "evidence"), "trusted: approval/ops bob")
			expect(t, mustRun(t, dir, "receipt", "show", r.ID), first[:12])
		}
		mustRun(t, dir, "ledger", "verify")
		mustRun(t, dir, "fsck")
	}
}
