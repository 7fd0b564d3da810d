package serve

import (
	"context"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/internal/mcp/session"
)

// ticket goes with a request from the transport to the call and back: the transport knows when the client goes away and
// when an answer was written, and the call knows what that means.
type ticket struct {
	gone context.Context //nolint:containedctx // it is the request's: the library does not hand it on; nil: the call's own ends with it

	last context.Context //nolint:containedctx // it is the client's: ends with its last word; nil: that is not known

	mu      sync.Mutex
	session *session.Session
	reply   session.Reply
}

const ticketName = "mythos/ticket"

// extra is the form in which the library carries a ticket.
func (t *ticket) extra() map[string]any { return map[string]any{ticketName: t} }

// ticketOf returns the ticket of a request; an unused one if there is none.
func ticketOf(extra *mcp.RequestExtra) *ticket {
	if extra != nil && extra.TokenInfo != nil {
		if t, ok := extra.TokenInfo.Extra[ticketName].(*ticket); ok {
			return t
		}
	}
	return &ticket{}
}

// withTicket returns a request's extra with a ticket, for transports without tokens.
func withTicket(t *ticket) *mcp.RequestExtra {
	return &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{Extra: t.extra()}}
}

// client returns the context of a call, which also ends when the client goes away.
func (t *ticket) client(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	if t.gone == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(t.gone, cancel)
	return ctx, func() { stop(); cancel() }
}

// answers records whose answer will be written.
func (t *ticket) answers(s *session.Session, r session.Reply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.session, t.reply = s, r
}

// written reports that the answer was written; late: after the client had said its last word.
func (t *ticket) written(late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.session == nil:
	case late:
		t.session.Unread(t.reply)
	default:
		t.session.Answered(t.reply)
	}
	t.session = nil
}
