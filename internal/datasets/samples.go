package datasets

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/object"
)

// Lines writes the episodes of a manifest as JSON lines, in the manifest's order: the same bytes for the same evidence.
// They are samples or, if rows names a kind, rows as in an export.
func (d *Datasets) Lines(ctx context.Context, manifest object.Hash, rows string, w io.Writer) error {
	if rows == "" {
		return d.samples(ctx, manifest, w)
	}
	kind, err := export.ParseRows(rows)
	if err != nil {
		return err
	}
	_, err = export.To(ctx, d.Episodes.Source, manifest, w, export.Options{Rows: kind, Payload: export.StorePayload(d.Store), Trace: d.trace, Tool: d.knownTools()})
	return err
}

func (d *Datasets) samples(ctx context.Context, manifest object.Hash, w io.Writer) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := dataset.ReadList(ctx, d.Store.Nodes(ctx), manifest, func(id object.Hash) error {
		s, err := d.Episodes.Sample(ctx, id)
		if err != nil {
			return err
		}
		return enc.Encode(s)
	})
	return errors.Join(err, b.Flush())
}
