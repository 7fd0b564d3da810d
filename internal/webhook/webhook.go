// Package webhook notifies a receiver of calls that wait for approval, in the form of Standard Webhooks. It only
// notifies: the receiver's answer decides nothing, and no call waits for it.
//
// A notice is kept with the request that it is about until it is delivered (spec/effects.md#notices). Whichever process has
// the receiver's address sends it. The store holds neither the address nor the secret.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Options are the options of a sender.
type Options struct {
	URL         string // https, or http to a loopback address
	Secret      string // "whsec_..." or the path of a file that contains it
	Dir         string // to which a path is relative
	WithRequest bool   // also send the request's bytes
	KV          kv.KV
	Now         func() object.Time
	// Find finds a request, and Bytes the bytes of one.
	Find  func(ctx context.Context, digits string) (*approval.Standing, error)
	Bytes func(ctx context.Context, h object.Hash) ([]byte, error)
	// Tool and Who return the names of tools and agents.
	Tool   func(ctx context.Context, tool object.Hash) string
	Who    func(object.AgentID) string
	Debugf func(string, ...any)
	First  time.Duration // before the second try, and twice as long before each later one; 0: a second
}

// Limits of notifying.
const (
	each      = 5 * time.Second // for a try
	maxAnswer = 64 << 10        // bytes read of an answer
	maxSecret = 1 << 10         // bytes of the file
)

// Sender notifies a receiver. It is safe for concurrent use.
type Sender struct {
	o      Options
	hook   *standard.Webhook
	client *http.Client
	ctx    context.Context //nolint:containedctx // it is the sender's
	cancel context.CancelFunc
	outbox
}

var _ approval.Outbox = (*Sender)(nil)

// ErrReceiver means that nobody can be notified: the URL or the secret is invalid.
var ErrReceiver = errors.New("approval_webhook")

// New makes a sender. Errors do not contain the secret.
func New(o Options) (*Sender, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && caps.Loopback(u)) {
		return nil, fmt.Errorf("%w: an https URL without a user is expected (http: with an address of this machine alone, as 127.0.0.1)", ErrReceiver)
	}
	secret := o.Secret
	if !strings.HasPrefix(secret, "whsec_") {
		if secret, err = read(o.Dir, secret); err != nil {
			return nil, fmt.Errorf("%w: its secret: %w", ErrReceiver, err)
		}
	}
	hook, err := standard.NewWebhook(secret)
	if err != nil || len(strings.TrimPrefix(secret, "whsec_")) < 32 {
		return nil, fmt.Errorf("%w: its secret is not whsec_ and at least 24 bytes in base64", ErrReceiver)
	}
	if o.First == 0 {
		o.First = time.Second
	}
	s := &Sender{o: o, hook: hook, outbox: outbox{wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}, client: &http.Client{Timeout: each,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func read(dir, name string) (string, error) {
	if name == "" {
		return "", errors.New("there is none")
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	text, err := plainfile.Read(name, maxSecret)
	if len(text) > maxSecret {
		err = fmt.Errorf("%s has more than %d bytes", name, maxSecret)
	}
	return strings.TrimSpace(string(text)), err
}

// notice is the content of a notification.
type notice struct {
	Type      string    `json:"type"` // approval.requested
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Approval object.Hash `json:"approval"`
	Tool     string      `json:"tool"`
	ToolID   object.Hash `json:"tool_id"`
	For      []string    `json:"for"`
	Need     uint8       `json:"need"`
	Role     string      `json:"role"`
	Until    object.Time `json:"until"`
	Show     string      `json:"show"`              // the command that shows the request
	Request  []byte      `json:"request,omitempty"` // base64; absent: not sent
}

// send tries once: a receiver recognizes what it has already got by its id.
func (s *Sender) send(q *approval.Request) error {
	n := notice{"approval.requested", q.TimeObserved.Std(), data{Approval: q.ID, Tool: s.o.Tool(s.ctx, q.ToolID), ToolID: q.ToolID, Need: q.Need, Role: q.Role, Until: q.ExpiresAt,
		Show: "mythos approve show " + q.ID.Short()}}
	for _, a := range q.Agents {
		n.Data.For = append(n.Data.For, s.o.Who(a))
	}
	var err error
	if s.o.WithRequest {
		if n.Data.Request, err = s.o.Bytes(s.ctx, q.RequestHash); err != nil {
			return err
		}
	}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return s.once("msg_"+q.ID.String(), body)
}

func (s *Sender) once(id string, body []byte) error {
	now := time.Now()
	signature, err := s.hook.Sign(id, now, body)
	if err != nil {
		return errors.New("it cannot be signed") // the library's error must not be shown
	}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.o.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	r.Header.Set("webhook-signature", signature)
	res, err := s.client.Do(r)
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err // without the URL, which may itself be a secret
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answers with status %d", res.StatusCode)
	}
	return nil
}
