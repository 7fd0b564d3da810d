package agents

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Token lets the bearer of its text act as an agent, over HTTP. Only the hash of the text is stored.
type Token struct {
	Agent string      `json:"agent"`
	Made  object.Time `json:"made"`
	Until object.Time `json:"until"`

	key string
}

// ErrToken means that a text is not a token of an agent, or no longer.
var ErrToken = errors.New("no agent has this token, or it has ended")

// TokenTTL is the default lifetime of a token.
const TokenTTL = 30 * 24 * time.Hour

const tokenPrefix = "mythos-agent-" // lets secret scanners recognize a token

func tokenKey(text string) string { return kv.AgentTokens + object.SumText(text).String() }

// NewToken makes a token of an agent. Its text is not stored.
func NewToken(ctx context.Context, n *repo.Repo, agent string, ttl time.Duration) (text string, t Token, err error) {
	if _, err := Named(ctx, n, agent); err != nil {
		return "", t, err
	}
	text = tokenPrefix + strings.ToLower(rand.Text())
	t = Token{Agent: agent, Made: n.Now(), Until: n.Now().Add(ttl), key: tokenKey(text)}
	raw, err := json.Marshal(t)
	if err == nil {
		_, err = n.DB.Update(ctx, nil, map[string][]byte{t.key: raw})
	}
	return text, t, err
}

// ByToken finds the agent of a token's text. Error: ErrToken.
func ByToken(ctx context.Context, n *repo.Repo, text string) (Token, error) {
	raw, err := kv.GetOrNil(ctx, n.DB, tokenKey(text))
	if err != nil {
		return Token{}, err
	}
	if raw == nil {
		return Token{}, ErrToken
	}
	t, err := readToken(tokenKey(text), raw)
	if err == nil && n.Now() >= t.Until {
		err = ErrToken
	}
	return t, err
}

func readToken(key string, raw []byte) (Token, error) {
	t := Token{key: key}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("record %s: %w", key, err)
	}
	return t, nil
}

// Tokens returns an agent's valid tokens, the one that ends first first.
func Tokens(ctx context.Context, n *repo.Repo, agent string) ([]Token, error) {
	var list []Token
	err := kv.Scan(ctx, n.DB, kv.AgentTokens, func(key string, value []byte) error {
		t, err := readToken(key, value)
		if err == nil && t.Agent == agent && n.Now() < t.Until {
			list = append(list, t)
		}
		return err
	})
	slices.SortFunc(list, func(a, b Token) int { return int(a.Until) - int(b.Until) })
	return list, err
}

// RevokeTokens revokes all tokens of an agent, and returns how many were still valid.
func RevokeTokens(ctx context.Context, n *repo.Repo, agent string) (int, error) {
	list, err := Tokens(ctx, n, agent)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	put := map[string][]byte{}
	for _, t := range list {
		put[t.key] = nil
	}
	_, err = n.DB.Update(ctx, nil, put)
	return len(list), err
}
