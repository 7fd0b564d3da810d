package ledger

import "context"

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
}

// rides are the riders' part of one update.
type rides struct {
	kv         KV
	check, put map[string][]byte
}

func newRides(kv KV) *rides {
	return &rides{kv: kv, check: map[string][]byte{}, put: map[string][]byte{}}
}

// take lets the riders of one appending write, all of them or none.
func (r *rides) take(ctx context.Context, riders []Rider) error {
	mine := map[string][]byte{}
	get := func(key string) ([]byte, error) {
		for _, seen := range []map[string][]byte{mine, r.put, r.check} {
			if value, ok := seen[key]; ok {
				return value, nil
			}
		}
		value, found, err := r.kv.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		if found && value == nil {
			value = []byte{}
		}
		r.check[key] = value
		return value, nil
	}
	for _, rider := range riders {
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
