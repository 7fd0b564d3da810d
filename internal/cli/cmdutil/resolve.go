package cmdutil

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/object"
)

// Resolve finds the object with a name: a hash, a unique prefix of 6 or more digits, or a ref (@name).
func (f *Factory) Resolve(ctx context.Context, text string) (object.Hash, error) {
	if h, err := object.ParseHash(text); err == nil {
		return h, nil
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return object.Hash{}, err
	}
	return n.Find.Resolve(ctx, text)
}

// EmitObject writes a canonical object: on a terminal one line per field, otherwise as compact JSON.
func (f *Factory) EmitObject(kind string, raw []byte) error {
	s, ok := catalog.Lookup(kind)
	if !ok {
		return fmt.Errorf("no struct %s", kind)
	}
	view, err := object.ToJSON(s.Type(), raw)
	if err != nil {
		return err
	}
	f.PrintView("", view)
	return nil
}

// PrintView writes the JSON view of an object: on a terminal one line per field, otherwise as compact JSON.
func (f *Factory) PrintView(indent string, view []byte) {
	if f.IO.OutTTY && !f.JSON {
		f.IO.Fields(indent, view)
		return
	}
	f.IO.Printf("%s\n", view)
}

// PrintJSON writes compact JSON with --json or when piped, indented on a terminal.
func (f *Factory) PrintJSON(view []byte) error {
	if f.IO.OutTTY && !f.JSON {
		var b bytes.Buffer
		if err := json.Indent(&b, view, "", "  "); err != nil {
			return err
		}
		view = b.Bytes()
	}
	f.IO.Printf("%s\n", view)
	return nil
}

// Chains loads the capability chains given with --cap; nil without any.
func (f *Factory) Chains(ctx context.Context, names []string) ([]caps.Chain, error) {
	var list []caps.Chain
	for _, name := range names {
		id, err := f.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		n, err := f.Repo(ctx)
		if err != nil {
			return nil, err
		}
		chain, err := n.Auth.Chain(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, chain)
	}
	return list, nil
}
