package keyfile

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// ErrKeyType means that an SSH key is not an Ed25519 key.
var ErrKeyType = errors.New("not an Ed25519 key")

// ImportSSH reads an OpenSSH private key file. The hint is the agent's.
func ImportSSH(pem []byte, pass Passphrase, hint string) (*sign.Key, error) {
	if len(pem) > maxFile {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrFormat, maxFile)
	}
	parsed, err := ssh.ParseRawPrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		parsed, err = unlockSSH(pem, pass)
	}
	if err != nil {
		return nil, fmt.Errorf("SSH key: %w", err)
	}
	private, ok := parsed.(*ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("SSH key: %w", ErrKeyType)
	}
	defer clear(*private)
	seed := [32]byte(private.Seed())
	defer clear(seed[:])
	key := sign.FromSeed(seed, hint)
	if public := key.Agent().Key; !bytes.Equal(public[:], (*private)[32:]) {
		return nil, fmt.Errorf("SSH key: %w: its public half is not that of its seed", ErrFormat)
	}
	return key, nil
}

func unlockSSH(pem []byte, pass Passphrase) (any, error) {
	if pass == nil {
		return nil, ErrNoPassphrase
	}
	phrase, err := pass()
	if err != nil {
		return nil, fmt.Errorf("ask for the passphrase: %w", err)
	}
	defer clear(phrase)
	if len(phrase) == 0 {
		return nil, ErrNoPassphrase
	}
	parsed, err := ssh.ParseRawPrivateKeyWithPassphrase(pem, phrase)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrPassphrase
	}
	return parsed, err
}

// ReadFile reads a key from a separate file: in this package's form, in OpenSSH's, or as the 64 hex digits of a seed,
// as secret stores mount them. Keys of the latter two have no hint. Errors do not name the path.
func ReadFile(path string, pass Passphrase) (*sign.Key, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if bytes.HasPrefix(data, []byte(magic)) {
		return Decode(data, pass)
	}
	if bytes.HasPrefix(data, []byte("-----BEGIN")) {
		return ImportSSH(data, pass, "")
	}
	if key, err := fromSeedHex(bytes.TrimSpace(data), ""); err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("%w: neither this program's, nor OpenSSH's, nor the 64 hex digits of a seed", ErrFormat)
}

// FromEnv reads the value of MYTHOS_KEY: a seed of 64 hex digits, the name of a key in the folder dir, or the path of a
// file for ReadFile, with pass if it is encrypted. If a value could be both a name and a path, it is the name; a path
// with a slash is never a name. White space at the ends, which secret stores add, is ignored. Errors never contain the
// value: it may be a mistyped seed.
func FromEnv(dir, value string, pass Passphrase) (*sign.Key, error) {
	value = strings.TrimSpace(strings.TrimPrefix(value, "\ufeff"))
	digits := []byte(value)
	defer clear(digits)
	if key, err := fromSeedHex(digits, ""); err == nil {
		return key, nil
	}
	if dir != "" && validName().MatchString(value) {
		if key, err := Load(dir, value, pass); !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	key, err := ReadFile(value, pass)
	if err != nil {
		return nil, fmt.Errorf("MYTHOS_KEY is neither 64 hex digits, nor the name of a key here, nor a usable key file: %w", err)
	}
	return key, nil
}

// CanonicalHex returns the canonical encoding of an agent, including the hint, in hex.
func CanonicalHex(agent object.AgentID) (string, error) {
	raw, err := can.Marshal(&agent)
	return hex.EncodeToString(raw), err
}

// SSHPublic returns the agent's public key as a line of an authorized_keys or .pub file, without a line end:
// "ssh-ed25519 AAAA...". A hint of plain characters becomes its comment.
func SSHPublic(agent object.AgentID) (string, error) {
	if err := agent.Check(); err != nil {
		return "", err
	}
	public, err := ssh.NewPublicKey(ed25519.PublicKey(agent.Key[:]))
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	line := string(bytes.TrimSuffix(ssh.MarshalAuthorizedKey(public), []byte("\n")))
	if validName().MatchString(agent.Hint) {
		line += " " + agent.Hint
	}
	return line, nil
}
