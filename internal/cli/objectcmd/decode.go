package objectcmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

type decodeOptions struct {
	Struct     string
	YAML       bool
	Diagnostic bool
	File       string
}

// NewDecode is `mythos decode`.
func NewDecode(f *cmdutil.Factory) *cobra.Command {
	o := &decodeOptions{}
	c := &cobra.Command{
		Use:   "decode [--struct NAME] [--yaml | --diagnostic] [FILE|-]",
		Short: "Turn canonical bytes into JSON; refuses anything non-canonical",
		Long: "--yaml prints the same view as YAML. --diagnostic prints the encoded values themselves: 5 is unsigned, +5 and -5\n" +
			"are signed, h'00ff' is bytes; keys of structs are their field numbers.",
		Example: "  echo '{\"a\":1}' | mythos encode | mythos decode\n" +
			"  mythos object get @latest | mythos decode --struct Receipt",
		Args: cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.File = firstArg(args)
			return runDecode(f, o)
		},
	}
	c.Flags().StringVar(&o.Struct, "struct", "", "the struct that the bytes hold")
	c.Flags().BoolVar(&o.YAML, "yaml", false, "write YAML")
	c.Flags().BoolVar(&o.Diagnostic, "diagnostic", false, "write diagnostic notation")
	c.MarkFlagsMutuallyExclusive("yaml", "diagnostic")
	return f.Returns(c, decodeResults)
}

func runDecode(f *cmdutil.Factory, o *decodeOptions) error {
	s, err := structNamed(o.Struct)
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
	switch {
	case o.Diagnostic:
		text, err := can.Diagnostic(raw)
		if err != nil {
			return invalid(name, err)
		}
		f.IO.Text(text + "\n")
		return nil
	case o.YAML:
		text, err := object.ToYAML(s.Type(), raw)
		if err != nil {
			return invalid(name, err)
		}
		f.IO.Text(string(text))
		return nil
	}
	view, err := object.ToJSON(s.Type(), raw)
	if err != nil {
		return invalid(name, err)
	}
	return f.PrintJSON(view)
}

// validate checks canonical form and, for a struct, its field rules.
func validate(s object.Struct, raw []byte) error {
	if s.Type() == nil {
		return can.Validate(raw)
	}
	return s.Fields(raw)
}
