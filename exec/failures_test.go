package exec_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/ledger"
)

// failing is a tool, "test.fail", that answers with each of the responses in turn, or with an error; calls counts its
// calls.
type failing struct {
	env   *exectest.Env
	chain caps.Chain
	calls int
}

func newFailing(t *testing.T, retrySafe bool, quota string, answer func(call int) (exec.Response, error)) *failing {
	f := &failing{env: exectest.New(t, 1)}
	f.env.Gate.Pause = time.Nanosecond
	f.env.Builtin("test.fail", exec.Builtin{RetrySafe: retrySafe, Run: func(context.Context, exec.Call) (exec.Response, error) {
		f.calls++
		return answer(f.calls)
	}})
	f.chain = f.env.ToolCap("test.fail", quota)
	return f
}

func (f *failing) do(key string, m exec.Manner) (exec.Outcome, error) {
	e := effect("test.fail", "q", key, f.chain)
	e.Manner = m
	return f.env.Gate.Do(f.env.T.Context(), e)
}

func (f *failing) used(want uint64) {
	f.env.T.Helper()
	used, err := f.env.Gate.Quotas.(*quota.Quotas).Used(f.env.T.Context(), f.chain[0].ID)
	if err != nil || used[scope.Calls] != want {
		f.env.T.Errorf("charged %v, %v, expected %d", used, err, want)
	}
	if _, err := f.env.Ledger.Verify(f.env.T.Context()); err != nil {
		f.env.T.Error(err)
	}
}

func status(code uint16) (exec.Response, error) { return exec.Response{Status: code}, nil }

// TestNotStarted: an attempt that did not start leaves a receipt, frees its key and is not charged, with a key and
// without.
func TestNotStarted(t *testing.T) {
	for _, key := range []string{"k", ""} {
		f := newFailing(t, false, ",calls=1", func(call int) (exec.Response, error) {
			if call < 3 {
				return exec.Response{}, exec.NotStarted(fs.ErrNotExist)
			}
			return status(exec.StatusOK)
		})
		for range 2 {
			_, err := f.do(key, exec.Manner{})
			var not *exec.NotStartedError
			if !errors.As(err, &not) || !errors.Is(err, exec.ErrNotStarted) || !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("key %q: %v", key, err)
			}
			if r := f.env.Receipt(not.ReceiptID); r.Status != exec.StatusNotStarted || string(r.IdempotencyKey) != key {
				t.Errorf("%+v", r)
			}
			f.used(0)
		}
		if out, err := f.do(key, exec.Manner{}); err != nil || out.Replayed {
			t.Fatalf("key %q: %+v, %v", key, out, err)
		}
		f.used(1)
	}
}

// TestNotStartedForNobody: an attempt that did not start is recorded as such, and not charged, also if its caller has
// gone.
func TestNotStartedForNobody(t *testing.T) {
	for _, key := range []string{"k", ""} {
		ctx, leave := context.WithCancel(t.Context())
		f := newFailing(t, false, ",calls=1", func(call int) (exec.Response, error) {
			if call > 1 {
				return status(exec.StatusOK)
			}
			leave()
			return exec.Response{}, exec.NotStarted(ctx.Err())
		})
		_, err := f.env.Gate.Do(ctx, effect("test.fail", "q", key, f.chain))
		var not *exec.NotStartedError
		if !errors.As(err, &not) || !errors.Is(err, context.Canceled) {
			t.Fatalf("key %q: %v", key, err)
		}
		if r := f.env.Receipt(not.ReceiptID); r.Status != exec.StatusNotStarted {
			t.Errorf("%+v", r)
		}
		f.used(0)
		if out, err := f.do(key, exec.Manner{}); err != nil || out.Status != exec.StatusOK {
			t.Errorf("key %q: %+v, %v", key, out, err)
		}
		f.used(1)
	}
}

// TestUndone: the answer of a tool that changed nothing is not recorded for its key.
func TestUndone(t *testing.T) {
	f := newFailing(t, false, ",calls=1", func(call int) (exec.Response, error) {
		if call == 1 {
			return exec.Response{Status: exec.StatusConflict, Body: []byte("not now"), Undone: true}, nil
		}
		return status(exec.StatusOK)
	})
	if out, err := f.do("k", exec.Manner{}); err != nil || out.Status != exec.StatusConflict || string(out.Body) != "not now" {
		t.Fatalf("%+v, %v", out, err)
	}
	f.used(0)
	if out, err := f.do("k", exec.Manner{}); err != nil || out.Status != exec.StatusOK || out.Replayed {
		t.Fatalf("%+v, %v", out, err)
	}
	f.used(1)
}

// TestRetries: a failure is replayed until somebody asks to try again; a success or a permanent failure is final. Each
// attempt that ran is charged.
func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		answers []uint16
		body    string
		exit    int
		retries int
		want    uint16
		calls   int
	}{
		"no retry":                {[]uint16{500, 200}, "", 0, 0, 500, 1},
		"the second is well":      {[]uint16{500, 200, 200}, "", 0, 5, 200, 2},
		"as often as asked":       {[]uint16{500, 502, 500, 200}, "", 0, 2, 500, 3},
		"permanent by its answer": {[]uint16{500, 200}, ` {"permanent":true}`, 0, 3, 422, 1},
		"not permanent":           {[]uint16{500, 200}, `{"permanent":"true"}`, 0, 3, 200, 2},
		"another exit status":     {[]uint16{500, 200}, "", 4, 3, 200, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFailing(t, false, ",calls=9", func(call int) (exec.Response, error) {
				return exec.Response{Status: c.answers[call-1], Body: []byte(c.body), Exit: c.exit}, nil
			})
			for turn := range 2 {
				m := exec.Manner{}
				if turn == 0 {
					m.Retries = c.retries
				}
				out, err := f.do("k", m)
				if err != nil || out.Status != c.want || f.calls != c.calls || out.Replayed != (turn == 1) {
					t.Fatalf("turn %d: %+v, %v, %d calls", turn, out, err, f.calls)
				}
			}
			f.used(uint64(c.calls))
			s, err := f.env.Ledger.Read(t.Context(), ledger.IdemID(exec.BuiltinID("test.fail"), []byte("k")))
			if err != nil || s.Fence != uint64(c.calls) || s.At(f.env.Now()) != ledger.StatusCommitted {
				t.Errorf("fence %d, %s, %v", s.Fence, s.At(f.env.Now()), err)
			}
		})
	}
}

// TestRetryARecordedFailure: the new attempt gets the next number, whoever failed before, and does not run after a
// success.
func TestRetryARecordedFailure(t *testing.T) {
	f := newFailing(t, false, ",calls=9", func(call int) (exec.Response, error) {
		if call < 3 {
			return status(exec.StatusFailed)
		}
		return status(exec.StatusOK)
	})
	for i, want := range []uint16{500, 500, 200, 200} {
		out, err := f.do("k", exec.Manner{Retries: min(i, 1)})
		if err != nil || out.Status != want {
			t.Fatalf("call %d: %+v, %v", i, out, err)
		}
	}
	if f.calls != 3 {
		t.Errorf("%d calls", f.calls)
	}
	f.used(3)
}

// TestStopped: a tool that took too long may have done anything; a retry-safe one has failed.
func TestStopped(t *testing.T) {
	for _, safe := range []bool{false, true} {
		f := newFailing(t, safe, ",calls=9", func(int) (exec.Response, error) { return status(exec.StatusTimeout) })
		out, err := f.do("k", exec.Manner{Retries: 1})
		if safe {
			if err != nil || out.Status != exec.StatusTimeout || f.calls != 2 {
				t.Errorf("safe to repeat: %+v, %v, %d calls", out, err, f.calls)
			}
			f.used(2)
			continue
		}
		var stopped *exec.StoppedError
		if !errors.As(err, &stopped) || f.calls != 1 || !errors.Is(err, ledger.ErrUnknownOutcome) {
			t.Fatalf("%v, %d calls", err, f.calls)
		}
		if r := f.env.Receipt(stopped.ReceiptID); r.Status != exec.StatusTimeout {
			t.Errorf("%+v", r)
		}
		if _, err := f.do("k", exec.Manner{}); !errors.Is(err, ledger.ErrStopped) || f.calls != 1 {
			t.Errorf("%v, %d calls", err, f.calls)
		}
		f.used(1)
	}
}

// TestNoWait: attempts in one process do not wait for one another if they are told so, and no longer than they are
// told.
func TestNoWait(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	f := newFailing(t, false, "", func(int) (exec.Response, error) {
		close(began)
		<-end
		return status(exec.StatusOK)
	})
	first := make(chan error, 1)
	go func() {
		_, err := f.do("k", exec.Manner{})
		first <- err
	}()
	<-began
	for _, wait := range []time.Duration{exec.NoWait, time.Millisecond} {
		if _, err := f.do("k", exec.Manner{Wait: wait}); !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("wait %s: %v", wait, err)
		}
	}
	close(end)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if out, err := f.do("k", exec.Manner{Wait: exec.NoWait}); err != nil || !out.Replayed {
		t.Errorf("%+v, %v", out, err)
	}
}
