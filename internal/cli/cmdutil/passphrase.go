package cmdutil

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/keyfile"
)

// The variables with passphrases, for use without a terminal.
const (
	EnvPassphrase     = "MYTHOS_KEY_PASSPHRASE"      // the passphrase itself
	EnvPassphraseFile = "MYTHOS_KEY_PASSPHRASE_FILE" // a file whose first line is the passphrase
	EnvNewPassphrase  = "MYTHOS_KEY_NEW_PASSPHRASE"  // the new passphrase for a key
)

const maxPassphrase = 4 << 10 // bytes

// errNoTerminal means that there is no terminal to ask on.
var errNoTerminal = errors.New("no terminal to ask on")

// Passphrase gets the passphrase of a key: from MYTHOS_KEY_PASSPHRASE, from the first line of the file that
// MYTHOS_KEY_PASSPHRASE_FILE names, or from the terminal, without echo. It asks at most once per process.
func (f *Factory) Passphrase() keyfile.Passphrase {
	var known []byte
	return func() ([]byte, error) {
		if known == nil {
			var err error
			if known, err = passphrase(); err != nil {
				return nil, err
			}
		}
		return bytes.Clone(known), nil // the caller wipes its copy
	}
}

func passphrase() ([]byte, error) {
	if p, ok, err := fromEnv(); ok || err != nil {
		return p, err
	}
	p, err := ask("Passphrase: ")
	if errors.Is(err, errNoTerminal) {
		return nil, keyfile.ErrNoPassphrase
	}
	return p, err
}

// fromEnv takes the passphrase from the environment or from the file that it names.
func fromEnv() ([]byte, bool, error) {
	if p := os.Getenv(EnvPassphrase); p != "" {
		return []byte(p), true, nil
	}
	name := os.Getenv(EnvPassphraseFile)
	if name == "" {
		return nil, false, nil
	}
	p, err := firstLine(name)
	if err != nil {
		return nil, true, fmt.Errorf("%s: %w", EnvPassphraseFile, err)
	}
	return p, true, nil
}

// firstLine reads the first line of a small file.
func firstLine(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPassphrase+1))
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(line) > maxPassphrase {
		return nil, fmt.Errorf("the first line of %s is not 1 to %d bytes", name, maxPassphrase)
	}
	return line, nil
}

// ask asks on the terminal, wherever standard input and output lead.
func ask(prompt string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	defer tty.Close()
	if !term.IsTerminal(int(tty.Fd())) {
		return nil, errNoTerminal
	}
	fmt.Fprint(tty, prompt)
	p, err := term.ReadPassword(int(tty.Fd()))
	fmt.Fprintln(tty)
	return p, err
}

// NewPassphrase gets the passphrase to protect a key with: from one of the given variables, in their order, or from the
// terminal, twice. MYTHOS_KEY_PASSPHRASE_FILE counts where MYTHOS_KEY_PASSPHRASE does.
func NewPassphrase(variables ...string) ([]byte, error) {
	for _, name := range variables {
		if name == EnvPassphrase {
			if p, ok, err := fromEnv(); ok || err != nil {
				return p, err
			}
		} else if p := os.Getenv(name); p != "" {
			return []byte(p), nil
		}
	}
	first, err := ask("New passphrase: ")
	if errors.Is(err, errNoTerminal) {
		return nil, clierr.New(clierr.Usage, "no new passphrase: %w", err).With("set " + variables[0])
	}
	if err != nil {
		return nil, err
	}
	again, err := ask("The same again: ")
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(first, again) {
		return nil, clierr.New(clierr.Usage, "the two passphrases differ")
	}
	if len(first) == 0 {
		return nil, clierr.New(clierr.Usage, "an empty passphrase protects nothing")
	}
	return first, nil
}
