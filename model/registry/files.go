package registry

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/oms"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/codec"
)

// The files of an exported model [learn-107].
const (
	weightsFile     = "weights"
	tensorsFile     = "model.safetensors"
	configFile      = "config"
	statementsFile  = "model.intoto.jsonl"
	safetensorMedia = "application/x-safetensors"
)

// ExportFiles writes a model's weights, its configuration and the statements of ExportInToto to files from create, and
// signs all of them with key (spec/learning.md#model-signing). The last file is the signature. Errors wrap oms.ErrKey.
func ExportFiles(ctx context.Context, r *Registry, s sign.Signer, key *ecdsa.PrivateKey, id object.Hash, create func(name string) (io.WriteCloser, error)) ([]oms.File, error) {
	statements, err := r.ExportInToto(ctx, s, id)
	if err != nil {
		return nil, err
	}
	m, _, err := openModel(ctx, r, id)
	if err != nil {
		return nil, err
	}
	w := &writer{create: create}
	for _, part := range []struct {
		name string
		ref  object.BlobRef
	}{{weightsName(m), m.Weights}, {configFile, m.Config}} {
		b, err := r.Store.OpenRef(ctx, part.ref, codec.Keys{})
		if err != nil {
			return nil, fmt.Errorf("%s of model %s: %w", part.name, id.Short(), err)
		}
		err = w.file(part.name, func(to io.Writer) error { return b.Copy(ctx, to) })
		b.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := w.text(statementsFile, append(bytes.Join(statements, []byte("\n")), '\n')); err != nil {
		return nil, err
	}
	bundle, err := oms.Bundle(key, id.String(), w.files)
	if err != nil {
		return nil, err
	}
	err = w.text(oms.SignatureName, bundle)
	return w.files, err
}

func weightsName(m *model.ModelRef) string {
	if m.Weights.Media == safetensorMedia {
		return tensorsFile
	}
	return weightsFile
}

// writer writes files and hashes them meanwhile.
type writer struct {
	create func(name string) (io.WriteCloser, error)
	files  []oms.File
}

func (w *writer) text(name string, data []byte) error {
	return w.file(name, func(to io.Writer) error {
		_, err := to.Write(data)
		return err
	})
}

func (w *writer) file(name string, write func(io.Writer) error) error {
	out, err := w.create(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h := sha256.New()
	if err := errors.Join(write(io.MultiWriter(out, h)), out.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.files = append(w.files, oms.File{Name: name, SHA256: [32]byte(h.Sum(nil))})
	return nil
}
