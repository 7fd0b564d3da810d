package repocmd

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// Set by the linker in a release (.goreleaser.yaml). Otherwise both are empty, and the record of the go command counts.
var version, commit string

// NewVersion is `mythos version`.
func NewVersion(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "version", Short: "Print version, commit and Go version", Example: "  mythos version --json", Args: cmdutil.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := versionOf(debug.ReadBuildInfo())
			return f.Emit(v, func() {
				text := "mythos " + v.Version + " (protocol " + v.Protocol + ")"
				if v.Commit != "" {
					text += " " + v.Commit
				}
				f.IO.Printf("%s %s\n", text, v.Go)
			})
		},
	}, versionResults)
}

// versionOf is a binary's own description.
func versionOf(info *debug.BuildInfo, ok bool) versions {
	v := versions{version, "0.2", commit, runtime.Version()}
	if ok && v.Version == "" {
		v.Version = info.Main.Version
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	for i := 0; ok && v.Commit == "" && i < len(info.Settings); i++ {
		if s := info.Settings[i]; s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
