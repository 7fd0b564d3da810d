// Package awaited keeps the records of calls without a key of the client's own: a call is awaited from its
// register until its answer was written, so that an equal call can take it over where the client went
// away before that (spec/tools.md#mcp-clients).
//
// Each process says, too, that it has such records. Looking for the calls of other processes costs
// more, the more equal calls there were, as the store reads over what was deleted: without another
// process that says so nobody looks.
package awaited

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// KeepDefault is how long a call whose client went away waits for an equal one, where nothing else is said.
const KeepDefault = 15 * time.Minute

// Call is a call whose answer was not written yet.
type Call struct {
	Key      string        `json:"key"`
	Instance string        `json:"instance"`
	At       object.Time   `json:"at"`             // when it began
	Gone     object.Time   `json:"gone,omitempty"` // when its client went away; 0: that is not known
	Keep     time.Duration `json:"keep,omitempty"` // how long it waits for an equal one after that; 0: KeepDefault
}

// Old reports whether an orphan has waited long enough. Of one whose process was killed nobody knows when its
// client went away: it has waited since it began.
func (c Call) Old(now object.Time, keep time.Duration) bool { return now > max(c.At, c.Gone).Add(keep) }

// process is what a process says of its records of an agent's calls.
type process struct {
	Gone object.Time   `json:"gone,omitempty"` // when somebody first saw that it is no more; 0: nobody did
	Keep time.Duration `json:"keep,omitempty"` // of its calls
}

// Records are those of one repository.
type Records struct {
	KV    kv.KV
	Now   func() object.Time
	Alive func(instance string) (bool, error)
}

// Space begins the records of the processes with calls of an agent.
func Space(agent string) string { return kv.Awaiting + object.SumText(agent).String() + "/" }

// Begin says that a process has records of an agent's calls, before it has the first.
func (r Records) Begin(ctx context.Context, agent, instance string, keep time.Duration) error {
	raw, err := json.Marshal(process{Keep: keep})
	if err == nil {
		_, err = r.KV.Update(ctx, nil, map[string][]byte{Space(agent) + instance: raw})
	}
	return err
}

// End says that it has none any more.
func (r Records) End(ctx context.Context, agent, instance string) error {
	_, err := r.KV.Update(ctx, nil, map[string][]byte{Space(agent) + instance: nil})
	return err
}

// Others reports whether a process other than own, of those whose records begin with space, may have left a
// call that somebody can take over. One that ended long enough ago is forgotten, with its calls.
func (r Records) Others(ctx context.Context, space, own string, keep time.Duration) (there bool, err error) {
	all, err := r.read(ctx, space)
	if err != nil {
		return false, err
	}
	var over []entry
	for _, one := range all {
		if one.instance() == own {
			continue
		}
		forgotten, err := r.seen(ctx, one, keep)
		if err != nil {
			return true, err
		}
		if forgotten {
			over = append(over, one)
		}
		there = there || !forgotten
	}
	if len(over) == 0 {
		return there, nil
	}
	if err := r.sweep(ctx); err != nil {
		return true, err
	}
	for _, one := range over {
		if _, err := r.KV.Update(ctx, map[string][]byte{one.key: one.raw}, map[string][]byte{one.key: nil}); err != nil {
			return true, err
		}
	}
	return there, nil
}

// seen notes when a process is first seen to have ended. It reports whether that is long enough ago.
func (r Records) seen(ctx context.Context, one entry, keep time.Duration) (forgotten bool, err error) {
	var p process
	if err := json.Unmarshal(one.raw, &p); err != nil {
		return false, fmt.Errorf("record %s: %w", one.key, err)
	}
	if alive, err := r.Alive(one.instance()); err != nil || alive {
		return false, nil // what cannot be told lives
	}
	if p.Gone != 0 {
		return r.Now() > p.Gone.Add(max(keep, p.Keep)), nil
	}
	p.Gone = r.Now()
	raw, err := json.Marshal(p)
	if err == nil {
		_, err = r.KV.Update(ctx, map[string][]byte{one.key: one.raw}, map[string][]byte{one.key: raw})
	}
	return false, err
}

// Sweep forgets processes that ended long enough ago, and calls that nobody takes over any more.
func (r Records) Sweep(ctx context.Context) error {
	if _, err := r.Others(ctx, kv.Awaiting, "", KeepDefault); err != nil {
		return err
	}
	return r.sweep(ctx)
}

// sweep removes the calls whose process or client is gone, and that have waited long enough.
func (r Records) sweep(ctx context.Context) error {
	all, err := r.read(ctx, kv.Awaited)
	if err != nil {
		return err
	}
	lives := map[string]bool{}
	for _, one := range all {
		var c Call
		if json.Unmarshal(one.raw, &c) != nil {
			continue // Check names it
		}
		alive, known := lives[c.Instance]
		if !known {
			if alive, err = r.Alive(c.Instance); err != nil {
				alive = true // what cannot be told lives
			}
			lives[c.Instance] = alive
		}
		if (alive && c.Gone == 0) || !c.Old(r.Now(), max(c.Keep, KeepDefault)) {
			continue
		}
		if _, err := r.KV.Update(ctx, map[string][]byte{one.key: one.raw}, map[string][]byte{one.key: nil}); err != nil {
			return err
		}
	}
	return nil
}

// Check reports the records that cannot be read.
func (r Records) Check(ctx context.Context, report func(key string, err error)) error {
	for space, into := range map[string]any{kv.Awaited: &Call{}, kv.Awaiting: &process{}} {
		all, err := r.read(ctx, space)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := json.Unmarshal(one.raw, into); err != nil {
				report(one.key, err)
			}
		}
	}
	return nil
}

// entry is a record as it is in the store.
type entry struct {
	key string
	raw []byte
}

func (e entry) instance() string { return e.key[strings.LastIndexByte(e.key, '/')+1:] }

func (r Records) read(ctx context.Context, space string) (all []entry, err error) {
	err = kv.Scan(ctx, r.KV, space, func(key string, value []byte) error {
		all = append(all, entry{key, bytes.Clone(value)})
		return nil
	})
	return all, err
}
