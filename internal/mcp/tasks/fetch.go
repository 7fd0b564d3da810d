package tasks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// whole reads a blob that the agent may read.
func (d *Desk) whole(ctx context.Context, cid object.Hash, most int64) ([]byte, error) {
	part, size, err := d.blob(ctx, cid, 0, most)
	if err == nil && size > most {
		err = fmt.Errorf("%s has %d bytes, and %d are the most. Nothing happened", cid.Short(), size, most)
	}
	return part, err
}

// blob reads a part of a blob that the agent published, or for which it holds blob.read. Otherwise the error is as for
// a missing blob.
func (d *Desk) blob(ctx context.Context, cid object.Hash, offset, length int64) ([]byte, int64, error) {
	ok, err := d.mayRead(ctx, cid, offset, length)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, fmt.Errorf("blob %s: %w", cid.Short(), store.ErrNotFound)
	}
	return d.part(ctx, cid, offset, length)
}

// mayRead reports whether the agent published a blob, or holds blob.read for a part of it.
func (d *Desk) mayRead(ctx context.Context, cid object.Hash, offset, length int64) (bool, error) {
	if _, own, err := d.Repo.DB.Get(ctx, d.record(cid)); own || err != nil {
		return own, err
	}
	may, err := d.held(ctx, scope.KindBlobRead)
	use := scope.Use{Kind: scope.KindBlobRead, CID: cid, Offset: uint64(offset), Length: uint64(length)}
	for _, chain := range may {
		if d.Repo.Verifier.Authorize(chain, d.Repo.Self(), use, d.Repo.Now()) == nil {
			return true, err
		}
	}
	return false, err
}

// part reads a part of a blob, verified.
func (d *Desk) part(ctx context.Context, cid object.Hash, offset, length int64) ([]byte, int64, error) {
	b, err := d.Repo.Store.OpenBlob(ctx, cid, codec.Keys{})
	if err != nil {
		return nil, 0, err
	}
	defer b.Close()
	size, err := b.Size(ctx)
	if err != nil {
		return nil, 0, err
	}
	from := min(offset, size)
	out := &output.Head{Limit: length, Full: func() {}}
	if n := min(length, size-from); n > 0 {
		err = b.ReadRange(ctx, from, n, out)
	}
	return out.Bytes, size, err
}

type wanted struct {
	CID     string `json:"cid"`
	TaskRef string `json:"task_ref"`
	As      string `json:"as"`
	Offset  int64  `json:"offset"`
	Length  int64  `json:"length"`
}

// content is the stored content of a name.
type content struct {
	CID          object.Hash     `json:"cid"`
	Verification string          `json:"verification"`
	Size         int64           `json:"size"`
	Offset       int64           `json:"offset"`
	Length       int             `json:"length"`
	Text         string          `json:"text,omitempty"`
	Base64       string          `json:"base64,omitempty"`
	JSON         json.RawMessage `json:"json,omitempty"`
}

func (d *Desk) fetch(ctx context.Context, arguments json.RawMessage) (any, error) {
	a, err := reading[wanted](arguments)
	if err != nil {
		return nil, err
	}
	cid, err := parse("cid", a.CID)
	if err != nil {
		return nil, err
	}
	if a.Offset < 0 || a.Length < 0 || !slices.Contains([]string{"", "decoded", "bytes", "json"}, a.As) {
		return nil, errors.New("offset and length are whole numbers from 0 on, as is decoded, bytes or json")
	}
	if a.Length == 0 || a.Length > maxFetch {
		a.Length = maxFetch
	}
	part, size, err := d.reached(ctx, cid, a)
	out := content{CID: cid, Size: size, Offset: min(a.Offset, size), Length: len(part)}
	if out.Verification, err = state(err); err != nil || out.Verification != verified {
		return out, err
	}
	return out, out.show(part, a.As)
}

// reached reads what a task of the agent returned, what the agent published or may read, or what its receipts name.
func (d *Desk) reached(ctx context.Context, cid object.Hash, a wanted) ([]byte, int64, error) {
	if a.TaskRef != "" {
		ref, err := parse("task_ref", a.TaskRef)
		if err != nil {
			return nil, 0, err
		}
		return d.result(ctx, ref, cid, a.Offset, a.Length)
	}
	part, size, err := d.blob(ctx, cid, a.Offset, a.Length)
	if errors.Is(err, store.ErrNotFound) {
		return d.Reads.Blob(ctx, cid, a.Offset, a.Length)
	}
	return part, size, err
}

// result reads one of the results of a task.
func (d *Desk) result(ctx context.Context, ref, cid object.Hash, offset, length int64) ([]byte, int64, error) {
	v, err := d.find(ctx, ref)
	if err != nil {
		return nil, 0, err
	}
	if v.State != "done" {
		return nil, 0, fmt.Errorf("task %s is %s: it gave nothing yet", ref.Short(), v.State)
	}
	spawned, err := d.spawned(ctx, v)
	if err != nil {
		return nil, 0, err
	}
	if !slices.Contains(spawned.Results, cid) {
		return nil, 0, fmt.Errorf("task %s gave no %s: %w", ref.Short(), cid.Short(), store.ErrNotFound)
	}
	raw, err := d.Repo.Store.Bytes(ctx, cid)
	size := int64(len(raw))
	from := min(offset, size)
	return raw[from : from+min(length, size-from)], size, err
}

// show converts bytes to the requested form.
func (c *content) show(part []byte, as string) error {
	switch {
	case as == "json":
		if int64(len(part)) != c.Size {
			return fmt.Errorf("it has %d bytes: as json, only the whole of at most %d is shown; read its bytes", c.Size, maxFetch)
		}
		var err error
		if c.JSON, err = object.ToJSON(nil, part); err == nil {
			return nil
		}
		if !json.Valid(part) {
			return errors.New("it is neither canonical nor JSON: read its bytes")
		}
		c.JSON = part
	case as != "bytes" && utf8.Valid(part):
		c.Text = string(part)
	default:
		c.Base64 = base64.StdEncoding.EncodeToString(part)
	}
	return nil
}
