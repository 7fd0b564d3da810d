package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

type publication struct {
	Text      *string `json:"text"`
	Base64    *string `json:"base64"`
	Media     string  `json:"media"`
	Namespace string  `json:"namespace"`
	Ring      *uint64 `json:"ring"`
}

// published is the answer to a publication.
type published struct {
	CID      object.Hash `json:"cid"`
	Size     uint64      `json:"size"`
	Media    string      `json:"media"`
	Receipt  object.Hash `json:"receipt"`
	Replayed bool        `json:"replayed,omitempty"`
}

func (d *Desk) publish(ctx context.Context, arguments json.RawMessage) (any, error) {
	a, err := reading[publication](arguments)
	if err == nil {
		err = ringZero(a.Ring)
	}
	if err != nil {
		return nil, err
	}
	q, err := a.request(d.Agent)
	if err != nil {
		return nil, err
	}
	e := exec.Effect{Tool: exec.BuiltinID(vm.ToolBlobPut), Manner: exec.Manner{Wait: exec.WaitForever}}
	if e.Request, err = can.Marshal(q); err != nil {
		return nil, err
	}
	e.Key = []byte(d.Agent + "/p/" + object.Sum(e.Request).String()) // the same bytes again are the same publication
	if e.Caps, err = d.held(ctx, scope.KindBlobWrite); err != nil {
		return nil, err
	}
	out, err := d.Repo.Gate.Do(ctx, e)
	if err != nil {
		return nil, d.refused(err, fmt.Sprintf("blob.write:%s,max=%d", q.Namespace, len(q.Data)))
	}
	if out.Status != exec.StatusOK {
		return nil, fmt.Errorf("it was not kept: status %d, receipt %s", out.Status, out.ReceiptID)
	}
	ref, err := object.Decode[object.BlobRef](out.Body)
	if err != nil {
		return nil, err
	}
	if _, err := d.Repo.DB.Update(ctx, nil, map[string][]byte{d.record(ref.CID): out.ReceiptID.Sum[:]}); err != nil {
		return nil, err
	}
	return published{ref.CID, ref.Size, ref.Media, out.ReceiptID, out.Replayed}, nil
}

func (a publication) request(agent string) (*vm.BlobPutRequest, error) {
	q := &vm.BlobPutRequest{Namespace: a.Namespace, Media: a.Media}
	if q.Namespace == "" {
		q.Namespace = agent
	}
	switch {
	case (a.Text == nil) == (a.Base64 == nil):
		return nil, errors.New("one of text and base64 is expected. Nothing happened")
	case a.Text != nil && len(*a.Text) > maxInline:
		return nil, fmt.Errorf("text: at most %d bytes are taken. Nothing happened", maxInline)
	case a.Text != nil:
		q.Data = []byte(*a.Text)
		if q.Media == "" {
			q.Media = "text/plain; charset=utf-8"
		}
		return q, nil
	}
	if q.Media == "" {
		q.Media = "application/octet-stream"
	}
	var err error
	q.Data, err = inline("base64", *a.Base64)
	return q, err
}

// record is the key of the record that the agent published a blob.
func (d *Desk) record(cid object.Hash) string {
	return kv.Published + object.SumText(d.Agent).String() + "/" + cid.String()
}
