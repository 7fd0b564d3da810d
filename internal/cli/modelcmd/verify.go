package modelcmd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

type verifyOptions struct {
	File    string
	Trust   []string
	Weights string
}

func newModelVerify(f *cmdutil.Factory) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use: "verify FILE|- [--trust KEY]... [--weights FILE|DIR]", Short: "Verify exported statements about a model, without a repository",
		Long: "A trusted key must have signed each envelope, and the object inside must hold. --weights also compares a file,\n" +
			"or a folder with all its files, with the weights that the statements are about. Prints one line per statement.",
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
	var weights map[string]string
	if o.Weights != "" {
		if weights, err = digests(f, o.Weights); err != nil {
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
		if name := differs(s, weights); name != "" {
			return clierr.New(clierr.Invalid, "%s, statement %d: it is not about these weights: %s differs, or only one of them has it", o.File, seen, name).On(o.Weights)
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

// digests are the SHA-256 of a file, or of all files in a folder, in hex, by the names that
// statements have for them.
func digests(f *cmdutil.Factory, name string) (map[string]string, error) {
	const top = "weights"
	if st, err := os.Stat(name); err != nil || !st.IsDir() {
		digest, err := fileDigest(f, name)
		return map[string]string{top: digest}, err
	}
	list := map[string]string{}
	err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return clierr.New(clierr.Invalid, "%s is not a file: weights have files and folders alone", path).On(path)
		}
		below, err := filepath.Rel(name, path)
		if err == nil {
			list[top+"/"+filepath.ToSlash(below)], err = fileDigest(f, path)
		}
		return err
	})
	return list, err
}

func fileDigest(f *cmdutil.Factory, name string) (string, error) {
	r, done, err := f.Open(name)
	if err != nil {
		return "", err
	}
	defer done()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// differs names a file that a statement is about, or that is here, and that the other does not
// have so; empty: none.
func differs(s *registry.Statement, have map[string]string) string {
	if have == nil {
		return ""
	}
	left := maps.Clone(have)
	for _, subject := range s.Subject {
		if subject.Name != "weights" && !strings.HasPrefix(subject.Name, "weights/") {
			continue
		}
		if digest := subject.Digest["sha256"]; digest == "" || left[subject.Name] != digest {
			return subject.Name
		}
		delete(left, subject.Name)
	}
	return cmp.Or(append(slices.Sorted(maps.Keys(left)), "")...)
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
