package cmdutil

import (
	"github.com/mythos-project/mythos/internal/openlineage"
	"github.com/mythos-project/mythos/internal/repo"
)

// Lineage tells whom the settings name of what was built, trained and promoted.
func (f *Factory) Lineage(n *repo.Repo) *openlineage.Emitter {
	return &openlineage.Emitter{Sink: openlineage.Sink{To: n.Config.Lineage, Key: n.Config.LineageKey}, Evidence: n.Source, History: n.Ledger, Note: f.IO.Notef}
}
