package identity

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// blobKeyInfo separates keys for blobs from everything else that is derived from a seed.
const blobKeyInfo = "mythos.aesgcm.v1 key"

// BlobKey returns the AES-256 key that belongs to the named key of this repository, and its handle, NAME:KEYID
// (spec/objects.md#encryption). The error wraps fs.ErrNotExist if there is no such key.
func (id *Identity) BlobKey(name string) (handle string, secret []byte, err error) {
	key, err := keyfile.Load(KeyDir(id.Dir), name, id.pass)
	if err != nil {
		return "", nil, err
	}
	secret, err = BlobKeyOf(key)
	return name + ":" + key.Agent().KeyID().String(), secret, err
}

// FindBlobKey returns the AES-256 key with this handle. The key is found by its id, whatever its name is here. The
// error wraps store.ErrNotFound.
func (id *Identity) FindBlobKey(handle string) ([]byte, error) {
	_, keyID, _ := strings.Cut(handle, ":")
	keys, err := keyfile.List(KeyDir(id.Dir))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Err != nil || k.Agent.KeyID().String() != keyID {
			continue
		}
		key, err := keyfile.Load(KeyDir(id.Dir), k.Name, id.pass)
		if err != nil {
			return nil, err
		}
		return BlobKeyOf(key)
	}
	return nil, fmt.Errorf("no key of this repository has that id: %w", store.ErrNotFound)
}

// BlobKeyOf returns the AES-256 key for blobs that is derived from a key ([obj-22]).
func BlobKeyOf(key *sign.Key) ([]byte, error) {
	seed := key.Seed()
	defer clear(seed[:])
	return hkdf.Key(sha256.New, seed[:], nil, blobKeyInfo, 32)
}
