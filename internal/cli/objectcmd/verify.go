package objectcmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

type verifyOptions struct {
	Struct string
	Trust  []string
	File   string
}

// NewVerify is `mythos verify`.
func NewVerify(f *cmdutil.Factory) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:   "verify --struct NAME [--trust KEY]... FILE|-",
		Short: "Check one canonical object: form, field rules, id and signature",
		Long: "Prints \"ok\", or the first fault (exit code 5). If only trust is missing, the exit code is 4: name trusted keys\n" +
			"with --trust (64 hex digits: a public key or a key id), or run inside a repository whose trust.yaml names them.",
		Example: "  mythos receipt ls -q | head -1 | xargs mythos object get | mythos verify --struct Receipt -",
		Args:    cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.File = firstArg(args)
			return runVerify(f, o)
		},
	}
	c.Flags().StringVar(&o.Struct, "struct", "", "the struct that the bytes hold (required)")
	c.Flags().StringArrayVar(&o.Trust, "trust", nil, "a public key or key id that is trusted; may be repeated")
	return f.Returns(c, verifyResults)
}

func runVerify(f *cmdutil.Factory, o *verifyOptions) error {
	if o.Struct == "" {
		return clierr.Usagef("--struct is required")
	}
	s, err := structNamed(o.Struct)
	if err != nil {
		return err
	}
	keys, err := f.TrustedKeys(o.Trust)
	if err != nil {
		return err
	}
	raw, err := f.Read(o.File)
	if err != nil {
		return err
	}
	name := displayName([]string{o.File})
	if err := s.Check(raw); err != nil {
		return invalid(name, err)
	}
	if err := verifySignature(s, raw, keys); err != nil {
		return err
	}
	return f.Emit(cmdutil.OK{OK: true}, func() { f.IO.Printf("ok\n") })
}

// verifySignature checks the signature that an object of this type carries. A struct without a signature needs no
// check.
func verifySignature(s object.Struct, raw []byte, keys *cmdutil.Keys) error {
	if s.Rule.Sig == 0 {
		return nil
	}
	id, err := s.Rule.ID(raw)
	if err != nil {
		return err
	}
	var sig object.Signature
	if err := fieldInto(raw, s.Rule.Sig, &sig); err != nil {
		return invalid(s.Name, err)
	}
	if s.Rule.Signer == 0 {
		return verifyByKeyID(s, id, sig, keys)
	}
	var signer object.AgentID
	if err := fieldInto(raw, s.Rule.Signer, &signer); err != nil {
		return invalid(s.Name, err)
	}
	if err := sign.VerifyOwn(s.Rule, raw); err != nil {
		return clierr.New(clierr.Invalid, "%s: %w", describe(s, id), err).On(id.String())
	}
	if !keys.Trusts(signer) && !cosigned(s, raw, keys) {
		return untrusted(s, id, signer.String(), signer.KeyHex())
	}
	return nil
}

// cosigned reports whether a trusted second signer has signed an object.
func cosigned(s object.Struct, raw []byte, keys *cmdutil.Keys) bool {
	var second object.AgentID
	var sig object.Signature
	return s.Rule.Cosig != 0 && fieldInto(raw, s.Rule.Cosig, &sig) == nil && fieldInto(raw, s.Rule.Cosigner, &second) == nil && keys.Trusts(second)
}

// verifyByKeyID checks objects that name no signer: any trusted key may match the signature.
func verifyByKeyID(s object.Struct, id object.Hash, sig object.Signature, keys *cmdutil.Keys) error {
	named := "an unnamed key"
	if sig.KeyID != nil {
		named = "key " + sig.KeyID.String()
	}
	for _, agent := range keys.Agents {
		switch {
		case sig.KeyID != nil && agent.KeyID() != *sig.KeyID:
			continue
		case sign.VerifyID(agent, id, sig) == nil:
			return nil
		case sig.KeyID != nil:
			return clierr.New(clierr.Invalid, "%s: %w", describe(s, id), sign.ErrSignature).On(id.String())
		}
	}
	return untrusted(s, id, named, "KEY")
}

func untrusted(s object.Struct, id object.Hash, signer, key string) error {
	return clierr.New(clierr.Refused, "%s is intact, but it is signed by %s, which is not trusted here", describe(s, id), signer).
		On(id.String()).With("if you trust that key: --trust " + key)
}

func fieldInto(raw []byte, num uint64, v any) error {
	field, err := can.Field(raw, num)
	if err != nil {
		return err
	}
	if field == nil {
		return fmt.Errorf("field %d is missing", num)
	}
	return can.Unmarshal(field, v)
}
