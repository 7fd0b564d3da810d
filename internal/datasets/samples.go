package datasets

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/object"
)

// ExportJSONL writes the episodes of a manifest as JSON lines, in the manifest's
// order: the same bytes for the same evidence.
func (d *Datasets) ExportJSONL(ctx context.Context, manifest object.Hash, w io.Writer) error {
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
