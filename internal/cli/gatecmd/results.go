package gatecmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// held is the thing that was frozen or thawed.
type held struct {
	Hold   object.Hash `json:"hold"`
	Frozen bool        `json:"frozen"`
	What   string      `json:"what"` // "everything", "tool NAME" or "agent NAME"
}

var holdResults = cmdutil.Results{"": cmdutil.Document(held{})}

// approvalLine is a request for approval.
type approvalLine struct {
	ID          object.Hash  `json:"approval"`
	State       string       `json:"state"` // waiting, granted, spent, denied or expired
	Tool        string       `json:"tool"`
	ToolID      object.Hash  `json:"tool_id"`
	Module      *object.Hash `json:"module,omitempty"` // the tool's implementation
	RequestHash object.Hash  `json:"request_hash"`
	Request     *string      `json:"request,omitempty"` // of show: base64
	Key         string       `json:"key"`
	Cap         object.Hash  `json:"capability"`
	Agents      []agentLine  `json:"for"` // agents that may not decide
	Need        uint8        `json:"need"`
	Role        string       `json:"role"`
	Agreed      int          `json:"agreed"`
	Asked       object.Time  `json:"asked"`
	Until       object.Time  `json:"until"`
	Said        []saidLine   `json:"said"`
	Untold      string       `json:"untold,omitempty"` // of ls: why approval_webhook was not told of it
}

// saidLine is a person's decision.
type saidLine struct {
	ID   object.Hash `json:"id"`
	By   agentLine   `json:"by"`
	Yes  bool        `json:"yes"`
	Note string      `json:"note"`
	At   object.Time `json:"at"`
}

type agentLine struct {
	Name string `json:"name"`
	Key  string `json:"key"` // the public key, 64 hex digits
}

var approveResults = cmdutil.Results{"ls": cmdutil.JSONLines(approvalLine{}), "show": cmdutil.Document(approvalLine{}), "sign": cmdutil.Document(approvalLine{}), "deny": cmdutil.Document(approvalLine{})}
