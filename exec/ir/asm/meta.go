package asm

import (
	"github.com/mythos-project/mythos/object"
)

// meta reads the directives that fill in Meta, and .extra.
func (a *assembler) meta(t token) (err error) {
	m := &a.b.Meta
	var arg token
	switch t.text {
	case ".spec":
		arg, err = a.want(tokString)
		m.Spec = arg.text
	case ".version":
		var n uint64
		n, err = a.number(16)
		m.Version = uint16(n)
	case ".created":
		err = a.created()
	case ".author":
		err = a.author()
	case ".notes":
		arg, err = a.want(tokString)
		m.Notes = &arg.text
	case ".artifact":
		arg, err = a.want(tokHash)
		m.ArtifactID, a.fixed = arg.hash, true
	case ".signature":
		err = a.signature()
	case ".extension":
		err = a.extension()
	case ".extra":
		err = a.extra()
	default:
		return t.fail("there is no directive %s", t.text)
	}
	return err
}

func (a *assembler) created() error {
	arg, err := a.want(tokString)
	if err != nil {
		return err
	}
	at, err := object.ParseTime(arg.text)
	if err != nil {
		return arg.fail("%v", err)
	}
	a.b.Meta.CreatedAt = &at
	return nil
}

// author reads the agent's public key as #hex, and its hint.
func (a *assembler) author() error {
	key, err := a.want(tokHash)
	if err != nil {
		return err
	}
	a.b.Meta.Author = object.AgentID{Scheme: object.Ed25519, Key: key.hash.Sum}
	if a.peek().kind == tokString {
		a.b.Meta.Author.Hint = a.take().text
	}
	return nil
}

func (a *assembler) signature() error {
	arg, err := a.want(tokBytes)
	if err != nil {
		return err
	}
	s := object.Signature{Alg: object.Ed25519}
	if copy(s.Sig[:], arg.text) != len(arg.text) || len(arg.text) != len(s.Sig) {
		return arg.fail("a signature has %d bytes, not %d", len(s.Sig), len(arg.text))
	}
	if a.peek().kind == tokHash {
		key := a.take().hash
		s.KeyID = &key
	}
	a.b.Meta.Signatures = append(a.b.Meta.Signatures, s)
	return nil
}

func (a *assembler) extension() error {
	key, err := a.want(tokString)
	if err != nil {
		return err
	}
	value, err := a.want(tokBytes)
	if err != nil {
		return err
	}
	if a.b.Meta.Extensions == nil {
		a.b.Meta.Extensions = map[string][]byte{}
	}
	if _, ok := a.b.Meta.Extensions[key.text]; ok {
		return key.fail("the extension %q is there twice", key.text)
	}
	a.b.Meta.Extensions[key.text] = []byte(value.text)
	return nil
}

func (a *assembler) extra() error {
	path, err := a.want(tokString)
	if err != nil {
		return err
	}
	pair, err := a.want(tokBytes)
	if err != nil {
		return err
	}
	x, err := parseExtra(path.text, []byte(pair.text))
	if err != nil {
		return path.fail("%v", err)
	}
	a.extras = append(a.extras, x)
	return nil
}
