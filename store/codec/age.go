package codec

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// parseRecipients reads recipients, one per line, and returns their lines.
func parseRecipients(texts []string) (list []age.Recipient, names []string, err error) {
	for _, text := range texts {
		for _, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			r, err := parseRecipient(line)
			if err != nil {
				return nil, nil, fmt.Errorf("recipient %q: %w", line, err)
			}
			list, names = append(list, r), append(names, line)
		}
	}
	if len(list) == 0 {
		return nil, nil, errors.New("no recipient is named: a blob that nobody can decrypt is lost")
	}
	return list, names, nil
}

func parseRecipient(line string) (age.Recipient, error) {
	if !strings.HasPrefix(line, "ssh-") {
		return age.ParseX25519Recipient(line)
	}
	// The rest of the line is a comment. A second recipient in it would be named but could not decrypt.
	if words := strings.Fields(line); len(words) > 2 {
		for _, word := range words[2:] {
			if strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "age1") || strings.HasPrefix(word, "AAAA") {
				return nil, errors.New("another recipient follows in the same line: put each on a line of its own")
			}
		}
	}
	return agessh.ParseRecipient(line)
}

// identities returns the keys for an age blob; the error wraps ErrKey.
func (b *Blob) identities() (*identities, error) {
	ids := &identities{}
	for i, text := range b.Keys.Identities {
		if err := ids.add(text, b.Keys.Passphrase); err != nil {
			ids.wrong = append(ids.wrong, fmt.Errorf("identity %d: %w", i+1, err))
		}
	}
	if len(ids.list) == 0 {
		none := fmt.Errorf("%w: it is encrypted to %s, and no identity was given", ErrKey, b.Ref.Encryption.KeyHandle)
		if len(ids.wrong) > 0 {
			none = fmt.Errorf("%w: it is encrypted to %s", ErrKey, b.Ref.Encryption.KeyHandle)
		}
		return nil, ids.also(none)
	}
	return ids, nil
}

// identities are keys to try, and the faults of those that could not be used.
type identities struct {
	list  []age.Identity
	wrong []error
}

// also adds the faults of identities to a decryption error.
func (ids *identities) also(err error) error {
	if err == nil || len(ids.wrong) == 0 {
		return err
	}
	return fmt.Errorf("%w: %w", err, errors.Join(ids.wrong...))
}

// add reads the text of an identity file.
func (ids *identities) add(text string, pass func() ([]byte, error)) error {
	text = strings.TrimPrefix(text, "\ufeff")
	switch {
	case strings.Contains(text, "PRIVATE KEY"):
		id, err := ids.ssh([]byte(text), pass)
		if err != nil {
			return err
		}
		ids.list = append(ids.list, id)
		return nil
	case strings.HasPrefix(text, armor.Header), strings.HasPrefix(text, "age-encryption.org/"):
		return errors.New("the identity file is encrypted: decrypt it with age first")
	}
	list, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return errors.New("it is neither an age identity file nor an OpenSSH private key") // the text may be a secret
	}
	ids.list = append(ids.list, list...)
	return nil
}

// ssh reads an SSH private key. It asks for the passphrase when a blob is encrypted to the key.
func (ids *identities) ssh(pem []byte, pass func() ([]byte, error)) (age.Identity, error) {
	pem = append(bytes.TrimSpace(bytes.ReplaceAll(pem, []byte("\r\n"), []byte("\n"))), '\n')
	id, err := agessh.ParseIdentity(pem)
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) {
		return id, err
	}
	if locked.PublicKey == nil {
		return nil, errors.New("its passphrase protects an old form of file: ssh-keygen -p -f FILE writes it anew")
	}
	if pass == nil {
		return nil, errors.New("it is protected by a passphrase")
	}
	inner, err := agessh.NewEncryptedSSHIdentity(locked.PublicKey, pem, func() ([]byte, error) {
		phrase, err := pass()
		if err != nil {
			ids.wrong = append(ids.wrong, err) // unchanged: a caller asked for it and knows the reason
		}
		return phrase, err
	})
	return &tolerant{inner, ids}, err
}

// tolerant is an identity whose failure does not stop the others from being tried.
type tolerant struct {
	age.Identity
	ids *identities
}

// Unwrap implements age.Identity.
func (t *tolerant) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	before := len(t.ids.wrong)
	key, err := t.Identity.Unwrap(stanzas)
	if err == nil || errors.Is(err, age.ErrIncorrectIdentity) {
		return key, err
	}
	if len(t.ids.wrong) == before {
		t.ids.wrong = append(t.ids.wrong, err)
	}
	return nil, age.ErrIncorrectIdentity
}
