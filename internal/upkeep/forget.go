package upkeep

import (
	"context"

	"github.com/mythos-project/mythos/internal/webhook"
)

// Forget removes what has expired: tasks that ended a day ago, the nonces of packets and requests that would be refused
// as expired, expired tokens that were shown, submissions to peers of a month ago, and that a receiver was not told.
func (u *Upkeep) Forget(ctx context.Context) error {
	put := map[string][]byte{}
	for _, over := range []func(context.Context, map[string][]byte) error{u.Tasks.Over, u.Packets.Over, u.Transfer.Over, u.Auth.Over, u.untold} {
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

func (u *Upkeep) untold(ctx context.Context, put map[string][]byte) error {
	return webhook.Over(ctx, u.DB, u.ID.Now(), put)
}
