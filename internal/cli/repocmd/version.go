package repocmd

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// NewVersion is `mythos version`.
func NewVersion(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "version", Short: "Print version, commit and Go version", Example: "  mythos version --json", Args: cmdutil.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			version, commit := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				if info.Main.Version != "" {
					version = info.Main.Version
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = s.Value
					}
				}
			}
			return f.Emit(versions{version, "0.2", commit, runtime.Version()}, func() {
				f.IO.Printf("mythos %s (protocol 0.2) %s %s\n", version, commit, runtime.Version())
			})
		},
	}, versionResults)
}
