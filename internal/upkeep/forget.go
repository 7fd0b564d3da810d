package upkeep

import (
	"context"
)

// Forget removes what is over: tasks that ended a day ago, the nonces of packets
// and requests that have expired and would be refused for that, the tokens that were shown and have expired,
// and what was left with peers a month ago.
func (u *Upkeep) Forget(ctx context.Context) error {
	put := map[string][]byte{}
	for _, over := range []func(context.Context, map[string][]byte) error{u.Tasks.Over, u.Packets.Over, u.Transfer.Over, u.Auth.Over} {
		if err := over(ctx, put); err != nil {
			return err
		}
	}
	const most = 10_000 // keys in one update
	for len(put) > 0 {
		some := map[string][]byte{}
		for key := range put {
			if len(some) == most {
				break
			}
			some[key] = nil
			delete(put, key)
		}
		if _, err := u.DB.Update(ctx, nil, some); err != nil {
			return err
		}
	}
	return nil
}
