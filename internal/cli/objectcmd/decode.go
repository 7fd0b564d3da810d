package objectcmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

type decodeOptions struct {
	Struct string
	Diag   bool
	File   string
}

// NewDecode is `mythos decode`.
func NewDecode(f *cmdutil.Factory) *cobra.Command {
	o := &decodeOptions{}
	c := &cobra.Command{
		Use:   "decode [--struct NAME] [FILE|-]",
		Short: "Turn canonical bytes into JSON; refuses anything non-canonical",
		Example: "  echo '{\"a\":1}' | mythos encode | mythos decode\n" +
			"  mythos object get @latest | mythos decode --struct Receipt",
		Args: cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.File = firstArg(args)
			return runDecode(f, o)
		},
	}
	c.Flags().StringVar(&o.Struct, "struct", "", "the struct that the bytes are")
	return c
}

func runDecode(f *cmdutil.Factory, o *decodeOptions) error {
	s, err := lookup(o.Struct)
	if err != nil {
		return err
	}
	raw, err := f.Read(o.File)
	if err != nil {
		return err
	}
	name := displayName([]string{o.File})
	if err := validate(s, raw); err != nil {
		return invalid(name, err)
	}
	view, err := object.ToJSON(s.Type, raw)
	if err != nil {
		return invalid(name, err)
	}
	return f.PrintJSON(view)
}

// validate checks canonical form and, for a struct, its field rules.
func validate(s object.Struct, raw []byte) error {
	if s.Type == nil {
		return can.Validate(raw)
	}
	return s.Fields(raw)
}
