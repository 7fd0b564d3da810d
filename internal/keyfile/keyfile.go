package keyfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

const (
	magic   = "mythos-key-1"
	maxFile = 64 << 10 // maximum size of a key file, in bytes

	maxWork = 20 // scrypt work, log₂ N: the most that a file may demand of a reader
)

// DefaultWork is the scrypt work, log₂ N, for new files: it takes about a second. Tests lower it.
var DefaultWork = 18

// The errors on which callers decide.
var (
	ErrFormat       = errors.New("not a key file")
	ErrNoPassphrase = errors.New("the key is encrypted and no passphrase is at hand")
	ErrPassphrase   = errors.New("the passphrase does not open the key")
	ErrMode         = errors.New("the key file can be read by others")
	ErrExists       = errors.New("a key of that name exists")
	ErrName         = errors.New("not a key name")
)

// Passphrase asks for the passphrase of a key. It is called only if a key is encrypted, and its result is overwritten.
// Nil means that there is none.
type Passphrase func() ([]byte, error)

// Protection says how a key is stored: encrypted if Passphrase is not empty.
type Protection struct {
	Passphrase []byte
	Work       int // scrypt work, log₂ N, 1 to 20; 0: DefaultWork
}

// Info is what a key file says about its key without a passphrase. The hint is not verified.
type Info struct {
	Agent     object.AgentID
	Encrypted bool
}

// Encode writes the file form of a key.
func Encode(key *sign.Key, p Protection) ([]byte, error) {
	agent := key.Agent()
	seed := key.Seed()
	defer clear(seed[:])
	secret := hex.AppendEncode(make([]byte, 0, 2*len(seed)+1), seed[:])
	defer clear(secret)
	how := "plain"
	if len(p.Passphrase) > 0 {
		how = "age"
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s ed25519 %s %s", magic, agent.KeyHex(), how)
	if agent.Hint != "" {
		out.WriteString(" " + strconv.QuoteToASCII(agent.Hint))
	}
	out.WriteByte('\n')
	if how == "plain" {
		out.Grow(len(secret) + 1) // so that no copy of the secret remains in a smaller buffer
		out.Write(secret)
		out.WriteByte('\n')
		return out.Bytes(), nil
	}
	if err := encrypt(&out, secret, p); err != nil {
		return nil, fmt.Errorf("encrypt key: %w", err)
	}
	return out.Bytes(), nil
}

func encrypt(out io.Writer, secret []byte, p Protection) error {
	recipient, err := age.NewScryptRecipient(string(p.Passphrase))
	if err != nil {
		return err
	}
	work := DefaultWork
	if p.Work != 0 {
		work = p.Work
	}
	if work < 1 || work > maxWork {
		return fmt.Errorf("scrypt work %d is not 1 to %d", work, maxWork)
	}
	recipient.SetWorkFactor(work)
	armored := armor.NewWriter(out)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return err
	}
	if _, err := w.Write(secret); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return armored.Close()
}

// Inspect reads the header of a key file.
func Inspect(data []byte) (Info, error) {
	info, _, err := split(data)
	return info, err
}

// split checks the header and returns the body.
func split(data []byte) (info Info, body []byte, err error) {
	if len(data) > maxFile {
		return Info{}, nil, fmt.Errorf("%w: it is larger than %d bytes", ErrFormat, maxFile)
	}
	header, body, found := bytes.Cut(data, []byte("\n"))
	parts := strings.SplitN(string(header), " ", 5)
	if !found || len(parts) < 4 || parts[0] != magic || parts[1] != "ed25519" {
		return Info{}, nil, fmt.Errorf("%w: its first line is not %q and so on", ErrFormat, magic+" ed25519")
	}
	if info.Agent, err = object.ParseKey(parts[2]); err != nil {
		return Info{}, nil, fmt.Errorf("%w: its header's %w", ErrFormat, err)
	}
	if info.Encrypted = parts[3] == "age"; !info.Encrypted && parts[3] != "plain" {
		return Info{}, nil, fmt.Errorf("%w: its protection is neither plain nor age", ErrFormat)
	}
	if len(parts) == 5 {
		if info.Agent.Hint, err = strconv.Unquote(parts[4]); err != nil {
			return Info{}, nil, fmt.Errorf("%w: its hint is not a quoted text", ErrFormat)
		}
	}
	return info, body, nil
}

// Decode reads the file form of a key.
func Decode(data []byte, pass Passphrase) (*sign.Key, error) {
	info, secret, err := split(data)
	if err != nil {
		return nil, err
	}
	if info.Encrypted {
		if secret, err = decrypt(secret, pass); err != nil {
			return nil, err
		}
		defer clear(secret)
	}
	key, err := fromSeedHex(bytes.TrimRight(secret, "\r\n"), info.Agent.Hint)
	if err != nil {
		return nil, fmt.Errorf("%w: its body is not the 64 hex digits of a seed", ErrFormat)
	}
	if !key.Agent().Same(info.Agent) {
		return nil, fmt.Errorf("%w: its header names another public key than its seed gives", ErrFormat)
	}
	return key, nil
}

func decrypt(body []byte, pass Passphrase) ([]byte, error) {
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
	identity, err := age.NewScryptIdentity(string(phrase))
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(body)), identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, ErrPassphrase
	}
	if err != nil {
		// Without age's own words: they quote the body, which may be a bare seed.
		return nil, fmt.Errorf("%w: its body is not an undamaged age file", ErrFormat)
	}
	// One byte longer than a seed, so that a longer text is noticed.
	secret := make([]byte, 65)
	n, err := io.ReadFull(r, secret)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		clear(secret)
		return nil, fmt.Errorf("%w: what it encrypts is not a seed", ErrFormat)
	}
	return secret[:n], nil
}

var errSeed = errors.New("not the 64 hex digits of a seed")

// fromSeedHex makes a key from a seed's hex digits. Its error never quotes them.
func fromSeedHex(digits []byte, hint string) (*sign.Key, error) {
	var seed [32]byte
	defer clear(seed[:])
	if len(digits) != 2*len(seed) {
		return nil, errSeed
	}
	if _, err := hex.Decode(seed[:], digits); err != nil {
		return nil, errSeed
	}
	return sign.FromSeed(seed, hint), nil
}
