package node

import (
	"context"
	"encoding/binary"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Forget removes what is over: tasks that ended a day ago, the nonces of packets
// and requests that have expired and would be refused for that, and what was left with peers a month ago.
func (u *Upkeep) Forget(ctx context.Context) error {
	put, now := map[string][]byte{}, u.ID.Now()
	err := u.Tasks.Each(ctx, func(t Task) error {
		if t.Ended != 0 && t.Ended.Add(KeepTasks) < now {
			put[taskKeys+t.ID.String()], put[taskOutput+t.ID.String()], put[cancelKeys+t.ID.String()] = nil, nil, nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, space := range []string{seenKeys, nonceKeys} {
		err = u.DB.Scan(ctx, space, kv.End(space), func(key string, until []byte) error {
			if len(until) == 8 && object.Time(binary.BigEndian.Uint64(until)) < now {
				put[key] = nil
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	err = u.Packets.Sent(ctx, func(sent Sent) error {
		if sent.At.Add(KeepSent) < now {
			put[sentKeys+sent.Packet.String()] = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := u.Transfer.forgetBrought(ctx, put); err != nil {
		return err
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
