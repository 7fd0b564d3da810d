package mlog

import (
	"context"

	"github.com/mythos-project/mythos/store/kv"
)

// Rider is what shares an update with entries, over the same store: either all of it
// happens or nothing (spec/ledger.md#riders). A quota is charged with the register
// that spends it, a response is kept with the commit that names it.
type Rider struct {
	// Ride returns what is to be written besides (a nil value deletes), or an error,
	// which refuses the entries and is passed on. It reads what its answer depends on
	// through get (nil: there is no such key), which sees what earlier riders of the
	// same update write; when something of that has changed before the update is
	// applied, Ride is called anew. It must not keep what it put before.
	Ride func(get func(key string) ([]byte, error)) (put map[string][]byte, err error)
	Size int // of what Ride puts, about, in bytes; 64 KiB at most

	// Reads are keys that Ride will read, as far as they are known: they are read ahead,
	// beside the reads of other effects. Others are read while those wait.
	Reads []string
}

// rides are the riders' part of one update.
type rides struct {
	log        *Log
	check, put map[string][]byte
	read       map[string]bool // by riders
}

func (l *Log) newRides() *rides {
	return &rides{log: l, check: map[string][]byte{}, put: map[string][]byte{}, read: map[string]bool{}}
}

// take lets the riders of one appending write, all of them or none.
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
