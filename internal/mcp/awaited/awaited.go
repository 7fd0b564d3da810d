// Package awaited stores the records of calls for which the client sent no key: a call is awaited from its register
// until its answer was written, so that an equal call can take it over if the client went away before that
// (spec/tools.md#mcp-clients).
//
// Each process also records that it has such records. Looking for the calls of other processes costs more the more
// equal calls there were, since the store reads over deleted keys, so nobody looks unless another process has records.
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

// KeepDefault is how long a call whose client went away waits for an equal one by default.
const KeepDefault = 15 * time.Minute

// Call is a call whose answer was not yet written.
type Call struct {
	Key      string        `json:"key"`
	Instance string        `json:"instance"`
	At       object.Time   `json:"at"`             // when it began
	Gone     object.Time   `json:"gone,omitempty"` // when its client went away; 0: unknown
	Keep     time.Duration `json:"keep,omitempty"` // how long it then waits for an equal one; 0: KeepDefault
}

// Old reports whether an orphan has waited long enough. If its process was killed, it is unknown when its client went
// away: then it has waited since it began.
func (c Call) Old(now object.Time, keep time.Duration) bool { return now > max(c.At, c.Gone).Add(keep) }

// process is the record of a process that it has records of an agent's calls.
type process struct {
	Gone object.Time   `json:"gone,omitempty"` // when it was first seen to have ended; 0: never
	Keep time.Duration `json:"keep,omitempty"` // of its calls
}

// Records are the records of one repository.
type Records struct {
	KV    kv.KV
	Now   func() object.Time
	Alive func(instance string) (bool, error)
}

// Space is the prefix of the records of the processes with calls of an agent.
func Space(agent string) string { return kv.Awaiting + object.SumText(agent).String() + "/" }

// Begin records that a process has records of an agent's calls, before it has the first.
func (r Records) Begin(ctx context.Context, agent, instance string, keep time.Duration) error {
	raw, err := json.Marshal(process{Keep: keep})
	if err == nil {
		_, err = r.KV.Update(ctx, nil, map[string][]byte{Space(agent) + instance: raw})
	}
	return err
}

// End records that it no longer has any.
func (r Records) End(ctx context.Context, agent, instance string) error {
	_, err := r.KV.Update(ctx, nil, map[string][]byte{Space(agent) + instance: nil})
	return err
}

// Others reports whether a process other than own, whose record begins with space, may have left a call that can be
// taken over. A process that ended long enough ago is forgotten, with its calls.
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

// seen records when a process is first seen to have ended. It reports whether that is long enough ago.
func (r Records) seen(ctx context.Context, one entry, keep time.Duration) (forgotten bool, err error) {
	var p process
	if err := json.Unmarshal(one.raw, &p); err != nil {
		return false, fmt.Errorf("record %s: %w", one.key, err)
	}
	if alive, err := r.Alive(one.instance()); err != nil || alive {
		return false, nil // if it is unknown, it counts as alive
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
				alive = true // if it is unknown, it counts as alive
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

// entry is a record in the store.
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
