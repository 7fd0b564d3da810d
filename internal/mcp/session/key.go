package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/natural"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
)

// Members of a request's _meta that identify the call.
const (
	metaKey     = "mythos/idempotencyKey"
	metaToolUse = "claudecode/toolUseId"
)

// maxKey is the maximum length of a client's key, in bytes.
const maxKey = 1024

// ErrKey means that a client's key is malformed.
var ErrKey = errors.New("a key is a text of 1 to 1024 bytes")

// key is the key of a call.
type key struct {
	text    string
	made    bool // it is not the client's own name for the call
	adopted bool
	waiting *waiting // nil: the client's own key needs no record
	riders  []ledger.Rider
}

// keyFor finds the key of a call: the first of the client's own, the one that the tool's policy names (none for a
// read), that of a call whose client went away, that of a call that people were asked to approve, a fresh one. Each
// begins with the agent's name.
func (s *Session) keyFor(ctx context.Context, c Call) (key, error) {
	for _, source := range []struct{ member, letter string }{{metaKey, "k"}, {metaToolUse, "t"}} {
		raw := c.Meta.Get(source.member)
		if raw == nil {
			continue
		}
		text, err := jsontext.TextOf(raw)
		if err != nil || text == "" || len(text) > maxKey {
			return key{}, fmt.Errorf("_meta %q: %w", source.member, ErrKey)
		}
		if source.member == metaKey {
			return key{text: s.named(c, source.letter, text)}, nil
		}
		asked, err := s.askedFor(ctx, c)
		if err == nil && asked == "" {
			asked = s.named(c, source.letter, text)
		}
		return key{text: asked, made: true}, err
	}
	switch p := c.Tool.Policy; {
	case p.Reads:
		return key{}, nil
	case p.KeyFrom != "":
		text, err := natural.Key(p.KeyFrom, c.Request)
		return key{text: s.named(c, natural.Lead, strings.TrimPrefix(text, "/"))}, err
	}
	return s.awaiting(ctx, c)
}

func (s *Session) named(c Call, letter, text string) string {
	name := s.Agent + "/" + letter + "/" + text
	if c.Round != "" {
		name += "/" + c.Round
	}
	return name
}
