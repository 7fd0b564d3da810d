package modelcmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

func newModelExport(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export MODEL [-o FILE]", Short: "Write a model and its attestations as signed in-toto statements",
		Long: "One DSSE envelope a line, signed by this repository's key: the model, then each attestation about it. Subjects are\n" +
			"weights and config by the SHA-256 of their content, so that any in-toto tool can match them with files.",
		Example: "  mythos model export @ring0 -o model.intoto.jsonl", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			list, err := n.Models.ExportInToto(c.Context(), n.Key, id)
			if err != nil {
				return err
			}
			return f.Write(out, append(bytes.Join(list, []byte("\n")), '\n'))
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file; standard output by default")
	return c
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
		Long: "Each envelope must be signed by a trusted key, and the object inside must hold. --weights also compares a file with\n" +
			"the weights that the statements are about. Prints one line a statement.",
		Example: "  mythos model verify model.intoto.jsonl --trust 8da1d1879e604a995bece06c309a86ba0e08e2cd276d00f348d8c8e15b26385a", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.File = args[0]
			return runModelVerify(c.Context(), f, o)
		},
	}
	c.Flags().StringArrayVar(&o.Trust, "trust", nil, "a public key that may sign; may be repeated, beside those in trust.yaml")
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
