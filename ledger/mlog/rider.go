package mlog

import (
	"context"

	"github.com/mythos-project/mythos/store/kv"
)

// Rider is a change that shares an update of the same store with entries: both are written or neither
// (spec/ledger.md#riders). For example, a quota is charged with the register that spends it, and a response is stored
// with the commit that names it.
type Rider struct {
	// Ride returns what else to write (a nil value deletes), or an error, which refuses the entries and is passed on.
	// It reads through get (nil: no such key), which sees the writes of earlier riders of the same update. If a value
	// that it read changes before the update is applied, Ride is called again. It must not keep results of an earlier
	// call.
	Ride func(get func(key string) ([]byte, error)) (put map[string][]byte, err error)
	Size int // approximate size of Ride's writes in bytes, for the bound of an update

	// Reads are the keys that Ride will read, as far as they are known. They are read ahead, concurrently with the
	// reads of other effects. Any other key is read while the others wait.
	Reads []string
}

// rides is the riders' part of one update.
type rides struct {
	log        *Log
	check, put map[string][]byte
	read       map[string]bool // by riders
}

func (l *Log) newRides() *rides {
	return &rides{log: l, check: map[string][]byte{}, put: map[string][]byte{}, read: map[string]bool{}}
}

// take collects the writes of an append's riders, all or none.
func (r *rides) take(ctx context.Context, a *Append) error {
	mine := map[string][]byte{}
	get := func(key string) ([]byte, error) {
		for _, seen := range []map[string][]byte{mine, r.put, r.check} {
			if value, ok := seen[key]; ok {
				return value, nil
			}
		}
		value, known := r.log.lookUp(a, key)
		if !known {
			var err error
			if value, err = kv.GetOrNil(ctx, r.log.kv, key); err != nil {
				return nil, err
			}
		}
		r.check[key], r.read[key] = value, true
		return value, nil
	}
	for _, rider := range a.Riders {
		put, err := rider.Ride(get)
		if err != nil {
			return err
		}
		for key, value := range put {
			mine[key] = value
		}
	}
	for key, value := range mine {
		r.put[key] = value
	}
	return nil
}
