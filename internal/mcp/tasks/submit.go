package tasks

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

var spawnTool = exec.BuiltinID("compute.spawn")

// submission is an agent's request.
type submission struct {
	Key    string `json:"key"`
	Bundle string `json:"bundle"`
	Inline string `json:"bundle_base64"`
	Task   string `json:"task"`
	Budget struct {
		CPUus *uint64 `json:"cpu_us"`
		IO    *uint32 `json:"io"`
	} `json:"budget"`
	Caps []string `json:"caps"`
	Ring *uint64  `json:"ring"`
}

// admitted is the answer to a submission.
type admitted struct {
	view
	Admission string `json:"admission"` // accepted, or known: it was submitted before
}

func (d *Desk) submit(ctx context.Context, arguments json.RawMessage) (any, error) {
	a, err := reading[submission](arguments)
	if err == nil {
		err = errors.Join(ringZero(a.Ring), checkKey(a.Key))
	}
	if err != nil {
		return nil, err
	}
	raw, err := d.bundle(ctx, a)
	if err != nil {
		return nil, err
	}
	request, err := a.request(raw)
	if err != nil {
		return nil, err
	}
	effect := exec.Effect{Tool: spawnTool, Key: []byte(d.Agent + "/s/" + a.Key), Manner: exec.Manner{Wait: exec.NoWait}}
	if effect.Caps, err = d.authority(ctx, a.Caps); err != nil {
		return nil, err
	}
	return d.admit(ctx, a, effect, request, raw)
}

// bundle returns the bundle to run.
func (d *Desk) bundle(ctx context.Context, a submission) ([]byte, error) {
	if (a.Bundle == "") == (a.Inline == "") {
		return nil, errors.New("one of bundle and bundle_base64 is expected. Nothing happened")
	}
	if a.Inline != "" {
		return inline("bundle_base64", a.Inline)
	}
	cid, err := parse("bundle", a.Bundle)
	if err != nil {
		return nil, err
	}
	raw, err := d.whole(ctx, cid, maxBundle)
	if missing(err) {
		return nil, fmt.Errorf("bundle %s: you published no such bytes, and hold no blob.read for them. Nothing happened", cid.Short())
	}
	return raw, err
}

func inline(name, text string) ([]byte, error) {
	if base64.StdEncoding.DecodedLen(len(text)) > maxInline+2 {
		return nil, fmt.Errorf("%s: at most %d bytes are taken. Nothing happened", name, maxInline)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w. Nothing happened", name, err)
	}
	return raw, nil
}

// request returns the effect's request, without the id of the bundle. Its task is the only one if none is named, and
// its budget the task's own if none is requested.
func (a submission) request(raw []byte) (*vm.SpawnRequest, error) {
	b, _, err := ir.Validate(raw)
	if err != nil {
		return nil, fmt.Errorf("the bundle: %w. Nothing happened", err)
	}
	tasks := b.Tasks.Tasks
	if a.Task != "" {
		id, err := parse("task", a.Task)
		if err != nil {
			return nil, err
		}
		tasks = slices.DeleteFunc(slices.Clone(tasks), func(t ir.TaskDef) bool { return t.TaskID != id })
	}
	if len(tasks) != 1 {
		return nil, fmt.Errorf("the bundle has %d tasks, and %d of them are meant: name one. Nothing happened", len(b.Tasks.Tasks), len(tasks))
	}
	q := &vm.SpawnRequest{PoolID: spawn.LocalPool, Tasks: []object.Hash{tasks[0].TaskID}, CPUus: tasks[0].Budget.CPUus, IO: tasks[0].Budget.IOCount}
	if a.Budget.CPUus != nil {
		q.CPUus = *a.Budget.CPUus
	}
	if a.Budget.IO != nil {
		q.IO = *a.Budget.IO
	}
	if tasks[0].Budget.CPUus > q.CPUus || tasks[0].Budget.IOCount > q.IO {
		return nil, fmt.Errorf("the task's own budget is %d us and %d io, more than was asked for. Nothing happened", tasks[0].Budget.CPUus, tasks[0].Budget.IOCount)
	}
	return q, nil
}

// authority returns the capabilities that the task may activate, followed by those for running it; a refusal explains
// why the last of them does not cover that.
func (d *Desk) authority(ctx context.Context, named []string) ([]caps.Chain, error) {
	if len(named) > maxCaps {
		return nil, fmt.Errorf("at most %d capabilities can be named. Nothing happened", maxCaps)
	}
	all, err := d.Held(ctx)
	if err != nil {
		return nil, err
	}
	var chains []caps.Chain
	for _, text := range named {
		id, err := parse("caps", text)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(all, func(c caps.Chain) bool { return c[0].ID == id })
		if at < 0 {
			return nil, fmt.Errorf("capability %s is none of yours: mythos_capabilities lists them. Nothing happened", id.Short())
		}
		chains = append(chains, all[at])
	}
	may, err := d.held(ctx, scope.KindComputeSpawn)
	return append(chains, may...), err
}

// admit starts a task that was not submitted before.
func (d *Desk) admit(ctx context.Context, a submission, e exec.Effect, q *vm.SpawnRequest, raw []byte) (any, error) {
	what := fmt.Sprintf("compute.spawn:local,workers=1,cpu=%dus,io=%d", q.CPUus, q.IO)
	if err := d.mayRun(ctx, e, q); err != nil {
		if !errors.Is(err, caps.ErrDenied) && !errors.Is(err, caps.ErrQuota) {
			return nil, err
		}
		if q.Bundle = object.Sum(raw); a.Bundle != "" {
			_ = q.Bundle.UnmarshalText([]byte(a.Bundle)) // it was parsed
		}
		request, merr := can.Marshal(q)
		if merr != nil {
			return nil, merr
		}
		e.Request = request
		return nil, d.refused(d.Repo.Gate.Refuse(ctx, e, statusOf(err), err), what)
	}
	if a.Inline != "" {
		ref, err := d.Repo.Store.PutBlob(ctx, bytes.NewReader(raw), store.PutOptions{})
		if err != nil {
			return nil, err
		}
		q.Bundle = ref.CID
	} else if err := q.Bundle.UnmarshalText([]byte(a.Bundle)); err != nil {
		return nil, err
	}
	var err error
	if e.Request, err = can.Marshal(q); err != nil {
		return nil, err
	}
	known, err := d.known(ctx, e)
	if known != nil || err != nil {
		return known, err
	}
	if err := d.start(ctx, e); err != nil && !errors.Is(err, ledger.ErrBusy) {
		return nil, d.refused(err, what)
	}
	v, err := d.find(ctx, ledger.IdemID(e.Tool, e.Key))
	if errors.Is(err, ErrNoTask) { // an equal one is about to begin
		return admitted{view{TaskRef: ledger.IdemID(e.Tool, e.Key), State: "running"}, "known"}, nil
	}
	if err != nil {
		return nil, err
	}
	return admitted{v.view, "accepted"}, nil
}

// mayRun refuses a task before anything of it is stored.
func (d *Desk) mayRun(ctx context.Context, e exec.Effect, q *vm.SpawnRequest) error {
	use := scope.Use{Kind: scope.KindComputeSpawn, Pool: q.PoolID, Workers: uint64(len(q.Tasks)), CPUus: q.CPUus, IO: uint64(q.IO)}
	var why error = &caps.DeniedError{Check: caps.CheckActive, Reason: d.Agent + " holds no compute.spawn capability"}
	may := slices.DeleteFunc(slices.Clone(e.Caps), func(c caps.Chain) bool { return c[0].Cap.Scope.Kind != scope.KindComputeSpawn })
	if holds := d.Repo.Gate.Holds; holds != nil && len(may) > 0 {
		var err error
		if may, err = holds.Admit(ctx, e.Tool, may); err != nil {
			return err
		}
	}
	for _, chain := range may {
		if why = d.Repo.Verifier.Authorize(chain, d.Repo.Self(), use, d.Repo.Now()); why != nil {
			continue
		}
		left, err := d.Repo.Quotas.Left(ctx, chain)
		if err != nil {
			return err
		}
		enough := true
		for _, cost := range use.Cost() {
			if rest, limited := left[cost.Of]; limited && rest < cost.N {
				enough, why = false, fmt.Errorf("%w: capability %s has %d %s left, the task needs %d", caps.ErrQuota, chain[0].ID.Short(), rest, cost.Of, cost.N)
			}
		}
		if enough {
			return nil
		}
	}
	if s, err := d.Repo.Ledger.Read(ctx, ledger.IdemID(e.Tool, e.Key)); err == nil && s.Register != nil && errors.Is(why, caps.ErrQuota) {
		return nil // it is known, and costs nothing more
	}
	return why
}

func statusOf(err error) uint16 {
	var denied *caps.DeniedError
	switch {
	case errors.Is(err, caps.ErrQuota):
		return exec.StatusQuota
	case errors.As(err, &denied) && denied.Check == caps.CheckFrozen:
		return exec.StatusFrozen
	}
	return exec.StatusDenied
}

// known returns a task that was submitted before under the key of an effect; nil: there is none.
func (d *Desk) known(ctx context.Context, e exec.Effect) (any, error) {
	s, err := d.Repo.Ledger.Read(ctx, ledger.IdemID(e.Tool, e.Key))
	if err != nil || s.Request == nil || s.At(d.Repo.Now()) == ledger.StatusReleased {
		return nil, err
	}
	if *s.Request != object.Sum(e.Request) {
		return nil, ErrKeyHas
	}
	v, err := d.find(ctx, s.IdemID)
	if err != nil {
		return nil, err
	}
	return admitted{v.view, "known"}, nil
}

// lookPause is the time between two checks whether an admitted task has begun.
const lookPause = 2 * time.Millisecond

// start runs a task in this process, and returns when it is in the ledger, or the reason why it is not.
func (d *Desk) start(ctx context.Context, e exec.Effect) error {
	d.mu.Lock()
	if d.running >= maxRunning {
		d.mu.Unlock()
		return ErrMany
	}
	d.running++
	d.mu.Unlock()
	begun, ended := make(chan struct{}), make(chan error, 1)
	begins := sync.OnceFunc(func() { close(begun) })
	e.Riders = []ledger.Rider{{Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { begins(); return nil, nil }}}
	d.all.Go(func() {
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(d.Until, cancel)()
		_, err := d.Repo.Gate.Do(work, e)
		ended <- err
		d.mu.Lock()
		defer d.mu.Unlock()
		d.running--
	})
	select {
	case err := <-ended:
		return err
	case <-begun:
	}
	for {
		s, err := d.Repo.Ledger.Read(context.WithoutCancel(ctx), ledger.IdemID(e.Tool, e.Key))
		if err != nil || s.Fence > 0 {
			return err
		}
		select {
		case err := <-ended:
			return err
		case <-time.After(lookPause):
		}
	}
}
