// Package credentials computes the golden vectors about proofs of identity for a server: signed requests, bearers and
// identity tokens.
package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/internal/oidc"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/object"
)

type refusal struct {
	Refused string `json:"refused"`
}

// requestIn is a signed request as it arrives, without TLS.
type requestIn struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`  // path with query
	Headers map[string]string `json:"headers"` // without "Mythos-"
	To      string            `json:"to_key"`  // who is asked
	At      int64             `json:"at_us"`   // the receiver's time
}

// Request returns the asker, and the capability.
func Request(in json.RawMessage) (any, error) {
	var v requestIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	to, err := object.ParseKey(v.To)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(v.Method, "http://peer"+v.Target, http.NoBody)
	if err != nil {
		return nil, err
	}
	for name, value := range v.Headers {
		r.Header.Set("Mythos-"+name, value)
	}
	agent, chain, err := auth.Proved(r, to, object.Time(v.At))
	if err != nil {
		return refusal{"unauthorized"}, nil
	}
	out := map[string]any{"agent_key": agent.KeyHex()}
	if len(chain) > 0 {
		out["cap_id"] = chain[0].ID
	}
	return out, nil
}

// bearerIn is a bearer shown to a server.
type bearerIn struct {
	Bearer string `json:"bearer"`
	Server string `json:"server_key"`
	At     int64  `json:"at_us"`
}

// Bearer returns the capability under which a bearer lets the server act, and its issuer.
func Bearer(in json.RawMessage) (any, error) {
	var v bearerIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	server, err := object.ParseKey(v.Server)
	if err != nil {
		return nil, err
	}
	b, chain, err := bearer.Open(v.Bearer, server, object.Time(v.At))
	if errors.Is(err, bearer.ErrBearer) {
		return refusal{"bearer"}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"cap_id": chain[0].ID, "issuer_key": b.Issuer.KeyHex()}, nil
}

// tokenIn is a token, and the keys of its issuer.
type tokenIn struct {
	Token  string          `json:"token"`
	Issuer string          `json:"issuer"` // the only trusted issuer
	Keys   json.RawMessage `json:"keys"`   // its key set
	At     int64           `json:"at_us"`
}

// tokenOut is the content of a token, without its issuer.
type tokenOut struct {
	ID       object.Hash       `json:"token_id"`
	Subject  string            `json:"subject"`
	Audience string            `json:"audience"`
	Expires  int64             `json:"expires_at_us"`
	Claims   map[string]string `json:"claims"`
}

// Token verifies a token, without the conditions of a rule.
func Token(in json.RawMessage) (any, error) {
	var v tokenIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	got, err := oidc.VerifyWith(context.Background(), v.Token, v.Issuer, v.Keys, time.UnixMicro(v.At))
	if errors.Is(err, oidc.ErrToken) {
		return refusal{"token"}, nil
	}
	if err != nil {
		return nil, err
	}
	return tokenOut{got.ID, got.Subject, got.Audience, got.Expires.UnixMicro(), got.Claims}, nil
}
