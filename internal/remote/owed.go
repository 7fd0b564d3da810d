package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// owed is what still has to be delivered to a ledger: something that happened, and could not be delivered. It is stored
// under kv.Owed, the ledger's URL and its own hash.
type owed struct {
	Path  string `can:"1,path"`
	Body  []byte `can:"2,body"`
	Chain []byte `can:"3,chain,optional"` // file form; absent: none is shown

	// Register, if present, is asked again first: only if it is recorded can the entry that releases it follow.
	Register []byte `can:"4,register,optional"`
}

// UndeliveredError means that a tool has run and that its receipt could not be delivered. The receipt is stored here,
// and the next command that works with the ledger delivers it.
type UndeliveredError struct{ Err error }

func (e *UndeliveredError) Error() string {
	return fmt.Sprintf("the tool has run, and only this folder has its receipt: %v", e.Err)
}

// Unwrap returns the reason.
func (e *UndeliveredError) Unwrap() error { return e.Err }

func (l *Ledger) owedKeys() string { return kv.Owed + object.SumText(l.Client.URL).String() + "/" }

// owe stores what could not be delivered.
func (l *Ledger) owe(ctx context.Context, o owed, chain caps.Chain, why error) error {
	if err := l.keep(ctx, o, chain); err != nil {
		return errors.Join(why, err)
	}
	return &UndeliveredError{why}
}

func (l *Ledger) keep(ctx context.Context, o owed, chain caps.Chain) (err error) {
	if chain != nil {
		if o.Chain, err = caps.ExportFile(chain); err != nil {
			return err
		}
	}
	raw, err := can.Marshal(&o)
	if err != nil {
		return err
	}
	_, err = l.KV.Update(ctx, nil, map[string][]byte{l.owedKeys() + object.Sum(raw).String(): raw})
	return err
}

// deliver sends the ledger everything that is owed. What it answers, with whatever verdict, is no longer owed, and
// neither is what it will never accept: that would block every later call.
func (l *Ledger) deliver(ctx context.Context) error {
	var keys []string
	var list []owed
	err := l.KV.Scan(ctx, l.owedKeys(), kv.End(l.owedKeys()), func(key string, raw []byte) error {
		o, err := object.Decode[owed](raw)
		if err == nil {
			keys, list = append(keys, key), append(list, *o)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("what %s is owed: %w", l.Client.URL, err)
	}
	for i, o := range list {
		var chain caps.Chain
		if o.Chain != nil {
			if chain, err = caps.ImportFile(o.Chain); err != nil {
				return err
			}
		}
		a, err := l.tell(ctx, o, chain, persistence{most: l.Patience})
		var never *peer.StatusError
		switch {
		case errors.As(err, &never) && never.Status == http.StatusBadRequest:
			l.Notef("the ledger does not accept what was delivered late, which only this folder has: %s", never.Message)
		case err != nil:
			return fmt.Errorf("deliver what happened before: %w", err)
		case a.Verdict == wire.Refused && a.Refusal != nil && a.Refusal.Reason != wire.NotRegistered:
			l.Notef("the ledger says of what was delivered late: %s", a.Refusal.Message)
		}
		if _, err := l.KV.Update(ctx, nil, map[string][]byte{keys[i]: nil}); err != nil {
			return err
		}
	}
	return nil
}

// tell sends one owed thing. A register that is denied, because its capability has expired or was revoked, may be
// recorded nevertheless: the entry that releases it needs no capability.
func (l *Ledger) tell(ctx context.Context, o owed, chain caps.Chain, p persistence) (*wire.Answer, error) {
	if o.Register != nil {
		a, err := l.answered(ctx, strings.TrimSuffix(o.Path, "/end")+"/register", chain, o.Register, p)
		denied := errors.Is(err, caps.ErrDenied) || err == nil && a.Verdict == wire.Refused && a.Refusal != nil && a.Refusal.Reason == wire.Denied
		if !denied && (err != nil || a.Verdict != wire.Invoke) {
			return a, err
		}
	}
	return l.answered(ctx, o.Path, chain, o.Body, p)
}
