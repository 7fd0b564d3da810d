// Package runnertest is the contract of every exec.Runner, as a test suite.
package runnertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

// Suite is a runner under test.
type Suite struct {
	Runner exec.Runner
	// Module registers the test tool (see Build) with these arguments.
	Module func(args ...string) exec.ModuleRef
	// JSON says that requests are JSON objects; otherwise they are arbitrary bytes.
	JSON bool
	// Remote says that there is no standard error and no exit code: the receipt's notes say that a tool failed, not
	// why.
	Remote bool
	// Absent is a tool that cannot start: its program or module is missing, or nothing listens; nil: there is none.
	Absent func() exec.ModuleRef
	// Vanishes says that the tool started with "vanish" disappears without an answer. A program or a module cannot: its
	// end is an answer.
	Vanishes bool
	// Stderr says that standard error is passed to Call.Stderr while the tool runs.
	Stderr bool
}

// request is a request with this text.
func (s Suite) request(text string) []byte {
	if s.JSON {
		return fmt.Appendf(nil, `{"text":%q}`, text)
	}
	return []byte(text)
}

// Build compiles the suite's test tool for a platform and returns its path.
func Build(tb testing.TB, goos, goarch string) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "tool")
	cmd := osexec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out,
		"github.com/mythos-project/mythos/exec/runnertest/testdata/tool")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build the test tool: %v\n%s", err, text)
	}
	return out
}

// Call is a call of module with the default limits.
func Call(module exec.ModuleRef, request []byte) exec.Call {
	return exec.Call{Tool: object.SumText("tool:under-test"), Module: module, Request: request, Limits: exec.DefaultLimits()}
}

// Run runs the whole contract.
func Run(t *testing.T, s Suite) {
	t.Run("Echo", s.echo)
	t.Run("LargeOutput", s.largeOutput)
	t.Run("Timeout", s.timeout)
	t.Run("Cancelled", s.cancelled)
	t.Run("ExitCode", s.exitCode)
	t.Run("Stderr", s.stderr)
	t.Run("Used", s.used)
	t.Run("WrongKind", s.wrongKind)
	t.Run("Concurrent", s.concurrent)
	t.Run("ExactBytes", s.exactBytes)
	t.Run("NotStarted", s.notStarted)
	t.Run("Unknown", s.unknown)
	t.Run("PassedStderr", s.passedStderr)
}

// exactBytes: the tool's answer is stored unchanged, every byte and every digit.
func (s Suite) exactBytes(t *testing.T) {
	request := []byte(`{"n":12345678901234567890,"f":1.50,"e":1E5,"z":-0,"s":"a<b\u00e9\/"}`)
	if !s.JSON {
		for c := range 256 {
			request = append(request, byte(c))
		}
	}
	res, err := s.Runner.Run(t.Context(), Call(s.Module("echo"), request))
	if err != nil || res.Status != exec.StatusOK || !bytes.Equal(res.Body, request) {
		t.Errorf("%d %q, %v", res.Status, res.Body, err)
	}
}

// notStarted: the runner says so if nothing happened for certain, and never of a tool that ran and failed or took too
// long.
func (s Suite) notStarted(t *testing.T) {
	if s.Absent == nil {
		t.Skip("every tool of this kind starts")
	}
	for _, change := range []func(*exec.Call){func(*exec.Call) {}, func(c *exec.Call) { c.RetrySafe = true }, func(c *exec.Call) { c.Key, c.Fence = []byte("k"), 1 }} {
		call := Call(s.Absent(), s.request("hello"))
		change(&call)
		if res, err := s.Runner.Run(t.Context(), call); !errors.Is(err, exec.ErrNotStarted) {
			t.Errorf("status %d, %v", res.Status, err)
		}
	}
	if res, err := s.Runner.Run(t.Context(), Call(s.Module("fail", "7"), nil)); err != nil || res.Status != exec.StatusFailed {
		t.Errorf("a tool that failed: status %d, %v", res.Status, err)
	}
}

// unknown: a tool that disappears without an answer leaves an unknown outcome.
func (s Suite) unknown(t *testing.T) {
	if !s.Vanishes {
		t.Skip("a tool of this kind always answers")
	}
	if res, err := s.Runner.Run(t.Context(), Call(s.Module("vanish"), s.request("hello"))); err == nil || errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("status %d, %v", res.Status, err)
	}
}

func (s Suite) passedStderr(t *testing.T) {
	if !s.Stderr {
		t.Skip("standard error is not passed on")
	}
	var heard bytes.Buffer
	call := Call(s.Module("fail", "7"), nil)
	call.Stderr = &heard
	if _, err := s.Runner.Run(t.Context(), call); err != nil || heard.String() != "it went wrong" {
		t.Errorf("%q, %v", heard.String(), err)
	}
}

func (s Suite) echo(t *testing.T) {
	requests := [][]byte{s.request("hello"), s.request(strings.Repeat("x", 400_000))}
	if !s.JSON {
		requests = append(requests, nil, bytes.Repeat([]byte{0, 0xff, '\n'}, 400_000))
	}
	for _, request := range requests {
		res, err := s.Runner.Run(t.Context(), Call(s.Module("echo"), request))
		if err != nil || res.Status != exec.StatusOK || !bytes.Equal(res.Body, request) {
			t.Errorf("echo of %d bytes: status %d, %d bytes, %v", len(request), res.Status, len(res.Body), err)
		}
	}
}

func (s Suite) largeOutput(t *testing.T) {
	call := Call(s.Module("big", "100000"), nil)
	call.Limits.MaxResponse = 100_000
	res, err := s.Runner.Run(t.Context(), call)
	if err != nil || res.Status != exec.StatusOK || len(res.Body) != 100_000 {
		t.Errorf("at the limit: status %d, %d bytes, %v", res.Status, len(res.Body), err)
	}
	call.Limits.MaxResponse = 99_999
	res, err = s.Runner.Run(t.Context(), call)
	if err != nil || res.Status != exec.StatusResponseTooBig || res.Body != nil {
		t.Errorf("beyond the limit: status %d, %d bytes, %v", res.Status, len(res.Body), err)
	}
}

// timeout: a tool that takes too long is stopped. If it has not even started within its time, as on a busy machine, it
// did not start, and is given more.
func (s Suite) timeout(t *testing.T) {
	call := Call(s.Module("spin"), nil)
	for call.Limits.Timeout = 100 * time.Millisecond; ; call.Limits.Timeout *= 2 {
		start := time.Now()
		res, err := s.Runner.Run(t.Context(), call)
		if took := time.Since(start); took > call.Limits.Timeout+5*time.Second {
			t.Errorf("it ran for %v", took)
		}
		if errors.Is(err, exec.ErrNotStarted) && call.Limits.Timeout < 10*time.Second {
			continue
		}
		if err != nil || res.Status != exec.StatusTimeout {
			t.Errorf("status %d, %v", res.Status, err)
		}
		return
	}
}

// cancelled: if the caller gives up, the outcome is unknown.
func (s Suite) cancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if res, err := s.Runner.Run(ctx, Call(s.Module("spin"), nil)); err == nil {
		t.Errorf("no error; status %d", res.Status)
	}
}

func (s Suite) exitCode(t *testing.T) {
	res, err := s.Runner.Run(t.Context(), Call(s.Module("fail", "7"), nil))
	if err != nil || res.Status != exec.StatusFailed || string(res.Body) != "partial" {
		t.Errorf("status %d, body %q, %v", res.Status, res.Body, err)
	}
	if s.Remote {
		if res.Notes == "" {
			t.Error("no notes")
		}
		return
	}
	if !strings.Contains(res.Notes, "7") || !strings.HasSuffix(res.Notes, "it went wrong") {
		t.Errorf("notes %q", res.Notes)
	}
}

func (s Suite) stderr(t *testing.T) {
	call := Call(s.Module("noise"), nil)
	call.Limits.MaxStderr = 200
	res, err := s.Runner.Run(t.Context(), call)
	if err != nil || res.Status != exec.StatusOK || string(res.Body) != "quiet" || len(res.Notes) > 200 {
		t.Errorf("status %d, body %q, notes %q, %v", res.Status, res.Body, res.Notes, err)
	}
}

// used: the response has the tool's reported use, and nothing else is mistaken for it.
func (s Suite) used(t *testing.T) {
	for said, want := range map[string]uint64{"tokens=12 gpu_ms=3": 12, "tokens=12 gpu_ms=3 more": 0, "tokens=-1 gpu_ms=3": 0} {
		res, err := s.Runner.Run(t.Context(), Call(s.Module("used", said), s.request("")))
		if err != nil || string(res.Body) != "done" || res.Tokens != want || res.GPUms != want/4 {
			t.Errorf("%q: %d tokens, %d ms, %d %q, %v", said, res.Tokens, res.GPUms, res.Status, res.Body, err)
		}
	}
}

func (s Suite) wrongKind(t *testing.T) {
	module := s.Module("echo")
	if module.Kind == exec.KindHTTP {
		module.Kind = exec.KindWasm
	} else {
		module.Kind = exec.KindHTTP
	}
	if _, err := s.Runner.Run(t.Context(), Call(module, nil)); err == nil {
		t.Error("a tool of another kind was run")
	}
}

func (s Suite) concurrent(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			request := s.request(fmt.Sprintf("request %d", i))
			res, err := s.Runner.Run(t.Context(), Call(s.Module("echo"), request))
			if err != nil || !bytes.Equal(res.Body, request) {
				t.Errorf("call %d: %q, %v", i, res.Body, err)
			}
		})
	}
	wg.Wait()
}
