package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store/codec"
)

// Predicate types of the statements about models (spec/learning.md#in-toto).
const (
	ModelPredicate       = "https://github.com/mythos-project/mythos/spec/model/v0.2"
	AttestationPredicate = "https://github.com/mythos-project/mythos/spec/attestation/v0.2"
)

// ErrStatement means that a statement about a model does not hold.
var ErrStatement = errors.New("statement about a model does not hold")

// Statement is an in-toto statement (v1) about a model or about an attestation of it.
type Statement struct {
	Type          string           `json:"_type"`
	Subject       []intoto.Subject `json:"subject"` // the files of weights and config, by the SHA-256 of their content
	PredicateType string           `json:"predicateType"`
	Predicate     Predicate        `json:"predicate"`
}

// Predicate contains a model or an attestation, both readable and as canonical bytes.
type Predicate struct {
	ID        string          `json:"id"`    // of the object, hex
	Model     string          `json:"model"` // its model, hex
	Object    json.RawMessage `json:"object"`
	Canonical []byte          `json:"canonical"` // the object's bytes
}

// ExportInToto returns a model and every stored attestation about it as in-toto statements in DSSE envelopes signed by
// s: first the model's, then those of the attestations, by id. It reads weights and config for their digests.
func (r *Registry) ExportInToto(ctx context.Context, s sign.Signer, id object.Hash) ([][]byte, error) {
	m, raw, err := openModel(ctx, r, id)
	if err != nil {
		return nil, err
	}
	subjects, err := subjectsOf(ctx, r, m)
	if err != nil {
		return nil, err
	}
	first, err := sealStatement(s, subjects, ModelPredicate, reflect.TypeFor[model.ModelRef](), id, id, raw)
	if err != nil {
		return nil, err
	}
	list := [][]byte{first}
	about, err := r.About(ctx, id, AboutAttestation)
	if err != nil {
		return nil, err
	}
	for _, a := range about {
		o, err := r.Store.Object(ctx, a)
		if err != nil {
			return nil, err
		}
		envelope, err := sealStatement(s, subjects, AttestationPredicate, reflect.TypeFor[model.Attestation](), a, id, o.Raw)
		if err != nil {
			return nil, err
		}
		list = append(list, envelope)
	}
	return list, nil
}

// openModel is a model that is here, and its bytes.
func openModel(ctx context.Context, r *Registry, id object.Hash) (*model.ModelRef, []byte, error) {
	o, err := r.Store.Object(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("ModelRef: %w", err)
	}
	m, got, err := object.Open[model.ModelRef](o.Raw, model.ModelRule)
	if err == nil && (got != id || o.Kind != "ModelRef") {
		err = fmt.Errorf("%w: it is a %s", object.ErrID, o.Kind)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("model %s: %w", id.Short(), err)
	}
	return m, o.Raw, nil
}

// subjectsOf are the files of a model [learn-90].
func subjectsOf(ctx context.Context, r *Registry, m *model.ModelRef) (list []intoto.Subject, err error) {
	add := func(name string, e tree.Entry, ref object.BlobRef) error {
		if e.Kind == tree.Folder {
			return nil
		}
		digest, err := digest(ctx, r.Store, ref)
		if err != nil {
			return fmt.Errorf("%s of model %s: %w", name, m.ModelID.Short(), err)
		}
		list = append(list, intoto.Subject{Name: name, Digest: map[string]string{"sha256": digest}})
		return nil
	}
	err = weights.Each(ctx, r.Store, weightsFile, m.Weights, add)
	if err == nil {
		err = weights.Each(ctx, r.Store, configFile, m.Config, add)
	}
	return list, err
}

// digest is the SHA-256 of a blob's content, in hex.
func digest(ctx context.Context, s model.Blobs, ref object.BlobRef) (string, error) {
	b, err := s.OpenRef(ctx, ref, codec.Keys{})
	if err != nil {
		return "", err
	}
	defer b.Close()
	h := sha256.New()
	if err := b.Copy(ctx, h); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sealStatement(s sign.Signer, subjects []intoto.Subject, predicate string, t reflect.Type, id, subject object.Hash, raw []byte) ([]byte, error) {
	view, err := object.ToJSON(can.TypeOf(t), raw)
	if err != nil {
		return nil, err
	}
	statement, err := json.Marshal(Statement{Type: intoto.StatementType, Subject: subjects, PredicateType: predicate,
		Predicate: Predicate{ID: id.String(), Model: subject.String(), Object: view, Canonical: raw}})
	if err != nil {
		return nil, err
	}
	return intoto.SealStatement(s, statement)
}

// OpenInToto verifies an envelope of ExportInToto, which one of the agents must have signed: the object inside, its id
// and, for an attestation, its signature; and that the statement matches the object. The caller decides whether the
// attesting agents are trusted and whether the subjects are the model's files. It returns the statement, the
// attestation (nil: it is about the model itself) and the signer. Errors wrap ErrStatement or ledger.ErrEnvelope.
func OpenInToto(data []byte, agents ...object.AgentID) (*Statement, *model.Attestation, object.AgentID, error) {
	payload, signer, err := intoto.OpenStatement(data, agents...)
	if err != nil {
		return nil, nil, signer, err
	}
	var s Statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, nil, signer, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	a, err := s.check()
	if err != nil {
		return nil, nil, signer, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	return &s, a, signer, nil
}

// check verifies the object inside and compares the statement with it.
func (s *Statement) check() (a *model.Attestation, err error) {
	p := s.Predicate
	var id, about object.Hash
	var t reflect.Type
	switch s.PredicateType {
	case ModelPredicate:
		_, id, err = object.Open[model.ModelRef](p.Canonical, model.ModelRule)
		about, t = id, reflect.TypeFor[model.ModelRef]()
	case AttestationPredicate:
		if a, id, err = model.OpenAttestation(p.Canonical); err == nil {
			about = a.SubjectHash
		}
		t = reflect.TypeFor[model.Attestation]()
	default:
		return nil, fmt.Errorf("predicate type %q is not known", s.PredicateType)
	}
	if err != nil {
		return nil, err
	}
	view, err := object.ToJSON(can.TypeOf(t), p.Canonical)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, view); err != nil {
		return nil, err
	}
	if s.Type != intoto.StatementType || p.ID != id.String() || p.Model != about.String() || !bytes.Equal(compact.Bytes(), p.Object) {
		return nil, errors.New("it does not say what its object says")
	}
	return a, nil
}
