package modelcmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/oms"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/model/why"
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
			"about it. The subjects are weights and config, by the SHA-256 of their content, so that any in-toto tool can\n" +
			"match them with files. oms: a new folder with weights, config, these statements, and model.sig, an OpenSSF Model\n" +
			"Signing 1.0 bundle over all of them that the stock verifier accepts. That verifier does not know Ed25519, so\n" +
			"--key signs: a PEM private key on the curve P-256, P-384 or P-521. Prints the SHA-256 of each file. The folder\n" +
			"is made whole or not at all.",
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
	files, err := registry.ExportFiles(ctx, n.Models, n.Key, key, id, folder.Create)
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

type verifyOptions struct {
	File    string
	Trust   []string
	Weights string
}

func newModelVerify(f *cmdutil.Factory) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use: "verify FILE|- [--trust KEY]... [--weights FILE]", Short: "Verify exported statements about a model, without a repository",
		Long: "A trusted key must have signed each envelope, and the object inside must hold. --weights also compares a file\n" +
			"with the weights that the statements are about. Prints one line per statement.",
		Example: "  mythos model verify model.intoto.jsonl --trust 8da1d1879e604a995bece06c309a86ba0e08e2cd276d00f348d8c8e15b26385a", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.File = args[0]
			return runModelVerify(c.Context(), f, o)
		},
	}
	c.Flags().StringArrayVar(&o.Trust, "trust", nil, "a public key that may sign, in addition to those in trust.yaml; may be repeated")
	c.Flags().StringVar(&o.Weights, "weights", "", "the weights, to compare with the statements")
	return c
}

func runModelVerify(_ context.Context, f *cmdutil.Factory, o *verifyOptions) error {
	keys, err := f.TrustedKeys(o.Trust)
	if err != nil {
		return err
	}
	digest := ""
	if o.Weights != "" {
		if digest, err = fileDigest(f, o.Weights); err != nil {
			return err
		}
	}
	data, err := f.Read(o.File)
	if err != nil {
		return err
	}
	seen := 0
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		seen++
		s, a, signer, err := registry.OpenInToto(line, keys.Agents...)
		if err != nil {
			return clierr.New(clierr.Invalid, "%s, statement %d: %w", o.File, seen, err).On(o.File)
		}
		if digest != "" && !isAbout(s, digest) {
			return clierr.New(clierr.Invalid, "%s, statement %d: it is not about these weights, whose SHA-256 is %s", o.File, seen, digest).On(o.Weights)
		}
		if err := emitStatement(f, s, a, signer); err != nil {
			return err
		}
	}
	if seen == 0 {
		return clierr.New(clierr.Invalid, "%s has no statement", o.File).On(o.File)
	}
	return nil
}

func fileDigest(f *cmdutil.Factory, name string) (string, error) {
	r, done, err := f.Open(name)
	if err != nil {
		return "", err
	}
	defer done()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func isAbout(s *registry.Statement, digest string) bool {
	for _, subject := range s.Subject {
		if subject.Name == "weights" && subject.Digest["sha256"] == digest {
			return true
		}
	}
	return false
}

func emitStatement(f *cmdutil.Factory, s *registry.Statement, a *model.Attestation, signer object.AgentID) error {
	line := verified{Model: s.Predicate.Model, ID: s.Predicate.ID, Kind: "ModelRef", Signer: signer.KeyHex()}
	what := "model"
	if a != nil {
		line.Kind, line.Claim, line.By, line.Result = "Attestation", model.ClaimName(a.ClaimType), a.Signer.KeyHex(), &a.Result
		what = line.Claim + " by " + why.OneLine(a.Signer.String())
	}
	return f.Emit(line, func() { f.IO.Printf("ok  %s  %s\n", line.ID, what) })
}
