package modelcmd

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/model/oms"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
)

type exportOptions struct {
	Name   string
	Format string
	Key    string
	Out    string
}

func newModelExport(f *cmdutil.Factory) *cobra.Command {
	o := &exportOptions{}
	c := &cobra.Command{
		Use: "export MODEL [--format in-toto|oms] [--key FILE] [-o FILE|DIR]", Short: "Write a model with signed statements about it, for other tools",
		Long: "in-toto: one DSSE envelope per line, signed by this repository's key: first the model, then each attestation\n" +
			"about it. The subjects are weights (each file, if the weights are a folder) and config, by the SHA-256 of their\n" +
			"content, so that any in-toto tool can match them with files. oms: a new folder with weights, config, these\n" +
			"statements, and model.sig, an OpenSSF Model Signing 1.0 bundle over all of them that the stock verifier accepts.\n" +
			"That verifier does not know Ed25519, so --key signs: a PEM private key on the curve P-256, P-384 or P-521. Prints\n" +
			"the SHA-256 of each file. The folder is made whole or not at all.",
		Example: "  mythos model export @ring0 -o model.intoto.jsonl\n  mythos model export @ring0 --format oms --key signing.pem -o model/", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runModelExport(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Format, "format", "in-toto", "in-toto, or oms: OpenSSF Model Signing")
	c.Flags().StringVar(&o.Key, "key", "", "the PEM private key that signs, with --format oms")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the file, standard output by default; with --format oms the new folder")
	return c
}

// makeKey makes a key that signs models.
const makeKey = "openssl ecparam -name prime256v1 -genkey -noout -out signing.pem"

func runModelExport(ctx context.Context, f *cmdutil.Factory, o *exportOptions) error {
	switch {
	case o.Format != "in-toto" && o.Format != "oms":
		return clierr.Usagef("--format must be in-toto or oms")
	case o.Format == "in-toto" && o.Key != "":
		return clierr.Usagef("--key needs --format oms: in-toto statements are signed by the repository's key")
	case o.Format == "oms" && (o.Key == "" || o.Out == "" || o.Out == "-"):
		return clierr.Usagef("--format oms needs --key FILE and -o DIR").With(makeKey)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	id, err := f.Resolve(ctx, o.Name)
	if err != nil {
		return err
	}
	if o.Format == "oms" {
		return exportSigned(ctx, f, n, o, id)
	}
	list, err := n.Models.ExportInToto(ctx, n.Key, id)
	if err != nil {
		return err
	}
	return f.Write(o.Out, append(bytes.Join(list, []byte("\n")), '\n'))
}

func exportSigned(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, o *exportOptions, id object.Hash) error {
	text, err := f.Read(o.Key)
	if err != nil {
		return err
	}
	key, err := oms.ParseKey(text)
	if err != nil {
		return clierr.New(clierr.Invalid, "%s: %w", o.Key, err).On(o.Key).With(makeKey)
	}
	folder, err := atomicfile.NewFolder(o.Out)
	if errors.Is(err, fs.ErrExist) {
		return clierr.New(clierr.Conflict, "%s exists already: an export writes a new folder", o.Out).On(o.Out)
	}
	if err != nil {
		return err
	}
	files, err := registry.ExportFiles(ctx, n.Models, n.Key, key, id, folder)
	if err == nil {
		err = folder.Commit()
	}
	if err != nil {
		return errors.Join(err, folder.Abort())
	}
	for _, file := range files {
		f.IO.Printf("%x  %s\n", file.SHA256, file.Name)
	}
	return nil
}
