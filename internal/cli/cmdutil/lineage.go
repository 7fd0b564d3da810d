package cmdutil

import (
	"github.com/mythos-project/mythos/internal/openlineage"
	"github.com/mythos-project/mythos/internal/repo"
)

// Lineage reports builds, trainings and promotions to the catalog in the settings.
func (f *Factory) Lineage(n *repo.Repo) *openlineage.Emitter {
	return &openlineage.Emitter{Sink: openlineage.Sink{To: n.Config.Lineage, Key: n.Config.LineageKey}, Evidence: n.Source, History: n.Ledger, Note: f.IO.Notef}
}
