// Package objects stores the objects of the catalog, checks them by the rules of their kind, and finds what they refer
// to.
package objects

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Kinds of objects whose packages export no name for them.
const (
	KindCapability = "Capability"
	KindDatasetRef = "DatasetRef"
)

// ErrKind means that an object has another kind than expected.
var ErrKind = errors.New("wrong kind of object")

// Put stores an object.
func Put(ctx context.Context, s *store.Store, kind string, id object.Hash, raw []byte) error {
	return s.PutObjects(ctx, store.Object{ID: id, Kind: kind, Raw: raw})
}

// Load returns an object of the given kind.
func Load(ctx context.Context, s *store.Store, kind string, id object.Hash) ([]byte, error) {
	o, err := s.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if o.Kind != kind {
		return nil, fmt.Errorf("%s is a %s, not a %s: %w", id.Short(), o.Kind, kind, ErrKind)
	}
	return o.Raw, nil
}

// References is what a struct refers to.
type References struct {
	Hashes []object.Hash // all, including those of blobs
	Blobs  []object.BlobRef
}

// ReferencesOf decodes an object and finds every hash in it.
func ReferencesOf(o store.Object) (r References, err error) {
	s, ok := catalog.Lookup(o.Kind)
	if !ok {
		return r, fmt.Errorf("%s: %w", o.Kind, ErrKind)
	}
	v := reflect.New(s.Type().Go)
	if err := can.Unmarshal(o.Raw, v.Interface()); err != nil {
		return r, err
	}
	r.add(v.Elem())
	return r, nil
}

// add finds every hash in a value.
func (r *References) add(v reflect.Value) {
	switch x := v.Interface().(type) {
	case object.Hash:
		r.Hashes = append(r.Hashes, x)
		return
	case object.BlobRef:
		r.Blobs = append(r.Blobs, x)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.add(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				r.add(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			r.add(v.Index(i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			r.add(it.Value())
		}
	}
}

// Check checks the fields, the id and, if the object names its signer, the signature.
func Check(o store.Object) error {
	s, ok := catalog.Lookup(o.Kind)
	if !ok || s.Name != o.Kind {
		return fmt.Errorf("%s: %w", o.Kind, ErrKind)
	}
	if err := s.Check(o.Raw); err != nil {
		return fmt.Errorf("%s: %w", o.Kind, err)
	}
	if id, err := s.Rule.ID(o.Raw); err != nil || id != o.ID {
		return fmt.Errorf("%s: %w: its bytes give %s: %w", o.Kind, store.ErrCorrupt, id.Short(), errors.Join(object.ErrID, err))
	}
	if err := sign.VerifyOwn(s.Rule, o.Raw); err != nil {
		return fmt.Errorf("%s: %w", o.Kind, err)
	}
	return nil
}
