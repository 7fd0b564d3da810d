package objectcmd

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

type encodeOptions struct {
	Struct string
	Hex    bool
	File   string
}

// NewEncode is `mythos encode`.
func NewEncode(f *cmdutil.Factory) *cobra.Command {
	o := &encodeOptions{}
	c := &cobra.Command{
		Use:   "encode [--struct NAME] [--hex] [FILE|-]",
		Short: "Turn JSON or YAML into canonical bytes",
		Long: "Reads one JSON or YAML value and writes its MYTHOS-CAN bytes. With --struct, the input has the fields of that\n" +
			"struct. Without it, the input is the untyped view: {\"$b\":\"hex\"} is bytes, {\"$i\":\"5\"} a signed integer,\n" +
			"{\"$m\":[[k,v]]} any map.",
		Example: "  echo '{\"a\":1,\"b\":2}' | mythos encode --hex",
		Args:    cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.File = firstArg(args)
			return runEncode(f, o)
		},
	}
	c.Flags().StringVar(&o.Struct, "struct", "", "the struct whose fields the input has")
	c.Flags().BoolVar(&o.Hex, "hex", false, "write hex digits instead of raw bytes")
	return f.Returns(c, encodeResults)
}

func runEncode(f *cmdutil.Factory, o *encodeOptions) error {
	s, err := structNamed(o.Struct)
	if err != nil {
		return err
	}
	data, err := f.ReadText(o.File)
	if err != nil {
		return err
	}
	raw, err := object.FromText(s.Type(), data)
	if err != nil {
		return clierr.New(clierr.Failed, "encode %s: %w", displayName([]string{o.File}), err)
	}
	if s.Type() != nil {
		if err := s.Fields(raw); err != nil {
			return clierr.New(clierr.Failed, "encode %s: %w", s.Name, err)
		}
	}
	return writeBytes(f, raw, o.Hex)
}

func writeBytes(f *cmdutil.Factory, raw []byte, asHex bool) error {
	if asHex {
		f.IO.Printf("%s\n", hex.EncodeToString(raw))
		return nil
	}
	if _, err := f.IO.Out.Write(raw); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
