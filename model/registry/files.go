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
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store/codec"
)

// The files of an exported model [learn-107].
const (
	weightsFile    = "weights"
	tensorsFile    = "model.safetensors"
	configFile     = "config"
	statementsFile = "model.intoto.jsonl"
)

// Folder takes the files of a model. Names are paths with slashes.
type Folder interface {
	Create(name string, executable bool) (io.WriteCloser, error)
	Mkdir(name string) error
}

// ExportFiles writes a model's weights, its configuration and the statements of ExportInToto to a folder, and
// signs all of them with key (spec/learning.md#model-signing). The last file is the signature. Errors wrap oms.ErrKey.
func ExportFiles(ctx context.Context, r *Registry, s sign.Signer, key *ecdsa.PrivateKey, id object.Hash, to Folder) ([]oms.File, error) {
	statements, err := r.ExportInToto(ctx, s, id)
	if err != nil {
		return nil, err
	}
	m, _, err := openModel(ctx, r, id)
	if err != nil {
		return nil, err
	}
	w := &writer{to: to}
	copied := func(name string, e tree.Entry, ref object.BlobRef) error {
		if e.Kind == tree.Folder {
			return to.Mkdir(name)
		}
		b, err := r.Store.OpenRef(ctx, ref, codec.Keys{})
		if err != nil {
			return fmt.Errorf("%s of model %s: %w", name, id.Short(), err)
		}
		err = w.file(name, e.Executable, func(to io.Writer) error { return b.Copy(ctx, to) })
		b.Close()
		return err
	}
	if err := weights.Each(ctx, r.Store, weightsName(m), m.Weights, copied); err != nil {
		return nil, err
	}
	if err := weights.Each(ctx, r.Store, configFile, m.Config, copied); err != nil {
		return nil, err
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
	if m.Weights.Media == weights.SafetensorsMedia {
		return tensorsFile
	}
	return weightsFile
}

// writer writes files and hashes them meanwhile.
type writer struct {
	to    Folder
	files []oms.File
}

func (w *writer) text(name string, data []byte) error {
	return w.file(name, false, func(to io.Writer) error {
		_, err := to.Write(data)
		return err
	})
}

func (w *writer) file(name string, executable bool, write func(io.Writer) error) error {
	out, err := w.to.Create(name, executable)
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
