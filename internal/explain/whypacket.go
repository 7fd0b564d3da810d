package explain

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

// carried is a Resolver that also finds what travelled in a packet.
type carried struct {
	why.Resolver
	kinds map[object.Hash]string
	raws  map[object.Hash][]byte
}

func (c *carried) add(kind string, id object.Hash, raw []byte) {
	c.kinds[id], c.raws[id] = kind, raw
}

// Raw implements model.Resolver.
func (c *carried) Raw(ctx context.Context, kind string, id object.Hash) ([]byte, error) {
	if raw, ok := c.raws[id]; ok && c.kinds[id] == kind {
		return raw, nil
	}
	return c.Resolver.Raw(ctx, kind, id)
}

// Kind implements model.Resolver.
func (c *carried) Kind(ctx context.Context, id object.Hash) (string, error) {
	if kind, ok := c.kinds[id]; ok {
		return kind, nil
	}
	return c.Resolver.Kind(ctx, id)
}

// Packet walks from a packet down to everything that it rests on: its signers, its program, the capabilities that
// travel with it, and the receipts of an answer. What travels in it need not be stored here.
func (ex *Explainer) Packet(ctx context.Context, raw []byte, o Options) (*why.Node, error) {
	root := &why.Node{Kind: "Packet", ID: object.Sum(raw), Label: fmt.Sprintf("packet of %d bytes", len(raw)), Verified: true}
	got, err := ex.Packets.Open(ctx, raw)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		root.Verified, root.Problem = false, err.Error()
		return root, nil
	}
	for _, a := range got.Signers {
		root.Children = append(root.Children, &why.Node{Kind: "AgentID", ID: a.KeyID(), Label: "signed by " + ex.ID.ShortName(a) + ", trusted for packets", Verified: true})
	}
	program, err := ex.bundleNode(got)
	if err != nil {
		return nil, err
	}
	root.Children = append(root.Children, program)
	inside := &carried{ex.Resolver(), map[object.Hash]string{}, map[object.Hash][]byte{}}
	return ex.below(ctx, root, inside, inside.starts(got), o)
}

// bundleNode is the node of a packet's program, which was validated when the packet was opened.
func (ex *Explainer) bundleNode(got *packets.Received) (*why.Node, error) {
	id, err := ir.BundleID(got.Bundle)
	if err != nil {
		return nil, err
	}
	c := &why.Node{Kind: "IRBundle", ID: id, Label: fmt.Sprintf("program %s by %s, valid", id.Short(), ex.ID.ShortName(got.Author)), Verified: true}
	if a := got.Answer; a != nil {
		c.Label = fmt.Sprintf("answer of %s to packet %s: result %s", ex.ID.ShortName(got.Author), a.PacketID.Short(), a.ResultHash.Short())
	}
	return c, nil
}

// starts adds what travelled with a packet, and lists the starts of the walk.
func (c *carried) starts(got *packets.Received) (list []why.Start) {
	for _, chain := range got.Caps {
		for _, link := range chain {
			c.add(objects.KindCapability, link.ID, link.Raw)
		}
		list = append(list, why.Start{ID: chain[0].ID, Kind: objects.KindCapability})
	}
	if got.Answer == nil {
		return list
	}
	c.add(why.KindBytes, got.Answer.ResultHash, got.Answer.Result)
	list = append(list, why.Start{ID: got.Answer.ResultHash, Kind: why.KindBytes})
	for _, raw := range got.Answer.Receipts {
		if id, err := ledger.ReceiptRule.ID(raw); err == nil { // Answer.Check opened each
			c.add("Receipt", id, raw)
			list = append(list, why.Start{ID: id, Kind: "Receipt"})
		}
	}
	return list
}
