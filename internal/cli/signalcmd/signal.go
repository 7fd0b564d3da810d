package signalcmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// Outputs of the commands.
var results = cmdutil.Results{"add": cmdutil.Document(added{}), "ls": cmdutil.JSONLines(signal.Signal{})}

// added is a signal that was signed.
type added struct {
	Signal object.Hash `json:"signal"`
}

// New is `mythos signal`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("signal", "Signed statements about episodes", newSignalAdd(f), newSignalLs(f)), results)
}

func newSignalAdd(f *cmdutil.Factory) *cobra.Command {
	var kind string
	var value int64
	c := &cobra.Command{
		Use: "add EPISODE --type reward|label|constraint --value N", Short: "Sign a value for an episode; prints the signal's id",
		Example: "  mythos signal add 3f9c01 --type reward --value 1", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := signal.ParseType(kind)
			if err != nil {
				return clierr.Usagef("--type must be reward, label or constraint")
			}
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			if _, err := n.Source.Episode(c.Context(), id); err != nil {
				return err
			}
			v := ir.I64Scalar(value)
			if value >= 0 {
				v = ir.U64Scalar(uint64(value))
			}
			sid, raw, err := signal.New(n.Key, id, t, v, f.Now())
			if err != nil {
				return err
			}
			if err := signal.Put(c.Context(), n.Store, raw); err != nil {
				return err
			}
			return f.Emit(added{sid}, func() { f.IO.Printf("%s\n", sid) })
		},
	}
	c.Flags().StringVar(&kind, "type", "reward", "reward, label or constraint")
	c.Flags().Int64Var(&value, "value", 0, "the value; not negative: u64, negative: i64")
	return c
}

func newSignalLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls EPISODE", Short: "List the signals of an episode", Example: "  mythos signal ls 3f9c01 --json", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			raws, err := n.Source.Signals(c.Context(), id)
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			for _, raw := range raws {
				if f.JSON {
					if err := f.EmitObject(signal.Kind, raw); err != nil {
						return err
					}
					continue
				}
				s, sid, err := signal.Open(raw)
				if err != nil {
					return err
				}
				v, known, err := s.Value()
				if err != nil {
					return err
				}
				value := v.String()
				if !known {
					value = fmt.Sprintf("%x (unknown kind of value %d)", s.ValueBytes, s.ValueKind)
				}
				rows = append(rows, []ui.Cell{{Text: f.IO.Hash(sid.String()), Meaning: ui.Name}, {Text: fmt.Sprint(s.SignalType)}, {Text: value}, {Text: s.Signer.Hint}})
			}
			if !f.JSON {
				f.IO.Table([]string{"signal", "type", "value", "by"}, rows)
			}
			return nil
		},
	}
}
