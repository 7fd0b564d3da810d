package ledger

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Receipt is a signed statement that a tool got a request and gave an answer (spec/ledger.md#receipts). The signature
// signs the 32 bytes of the id.
type Receipt struct {
	ReceiptID      object.Hash      `can:"1,receipt_id"`
	ToolID         object.Hash      `can:"2,tool_id"`
	RequestHash    object.Hash      `can:"3,request_hash"`
	ResponseHash   object.Hash      `can:"4,response_hash"`
	IdempotencyKey []byte           `can:"5,idempotency_key"` // empty: the effect has none
	Signer         object.AgentID   `can:"6,signer"`
	TimeObserved   object.Time      `can:"7,time_observed"`
	Status         uint16           `can:"8,status"` // HTTP-like; 200 is success
	Evidence       []object.Hash    `can:"9,evidence,optional"`
	Notes          *string          `can:"10,notes"`
	Signature      object.Signature `can:"11,signature"`
}

// ReceiptRule says how receipts are identified and signed.
var ReceiptRule = object.Rule{Mask: can.Mask{1: nil, 11: nil}, IDField: 1, Signer: 6, Sig: 11}

// MaxReceipt is the largest receipt that a ledger accepts, in bytes.
const MaxReceipt = 1 << 20

// NewReceipt fills in signer, id and signature and returns the id and the
// canonical bytes.
func NewReceipt(s sign.Signer, r Receipt) (object.Hash, []byte, error) {
	return NewSigner(s).NewReceipt(r)
}

// NewReceipt is the function NewReceipt.
func (x Signer) NewReceipt(r Receipt) (object.Hash, []byte, error) {
	r.Signer, r.Signature = x.agent, object.Signature{}
	if r.IdempotencyKey == nil {
		r.IdempotencyKey = []byte{}
	}
	var err error
	if r.ReceiptID, err = ReceiptRule.IDOf(&r); err != nil {
		return object.Hash{}, nil, fmt.Errorf("receipt: %w", err)
	}
	raw, err := x.seal(r.ReceiptID, &r, &r.Signature)
	if err != nil {
		return object.Hash{}, nil, fmt.Errorf("receipt: %w", err)
	}
	return r.ReceiptID, raw, nil
}

// OpenReceipt decodes canonical bytes and checks fields, id and signature. The caller decides whether the signer is
// trusted.
func OpenReceipt(raw []byte) (*Receipt, object.Hash, error) {
	r, id, err := object.Open[Receipt](raw, ReceiptRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("receipt: %w", err)
	}
	if err := sign.VerifyID(r.Signer, id, r.Signature); err != nil {
		return nil, object.Hash{}, fmt.Errorf("receipt %s: %w", id.Short(), err)
	}
	return r, id, nil
}

// RefusedNotes is the beginning of the notes in a refused effect's receipt.
const RefusedNotes = "refused: "

// noResponse is the response hash of a refused effect.
var noResponse = object.Sum(nil)

// Refusal reports whether a receipt says that its effect was refused before anything was registered
// (spec/effects.md#receipts): a status from 400 to 499, notes that say so, no response, and no evidence. The receipt of
// a tool that ran always names the charged capability, so it cannot pass for a refusal.
func (r *Receipt) Refusal() bool {
	return r.Status >= 400 && r.Status < 500 && r.Notes != nil && strings.HasPrefix(*r.Notes, RefusedNotes) &&
		len(r.Evidence) == 0 && r.ResponseHash == noResponse
}
