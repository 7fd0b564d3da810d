package httptool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/mythos-project/mythos/exec"
)

// Lookup finds a secret by its name, "env:NAME" or "file:/path".
type Lookup func(name string) (string, error)

// maxSecret is the longest secret in bytes.
const maxSecret = 16 << 10

// ErrSecret means that a secret which a registration names cannot be had.
var ErrSecret = errors.New("secret")

// System finds secrets in the environment and in files, of which the white space at
// the end is left out. Errors wrap ErrSecret and name the secret, never its value.
func System(name string) (string, error) {
	if variable, ok := strings.CutPrefix(name, "env:"); ok {
		value, found := os.LookupEnv(variable)
		if !found {
			return "", fmt.Errorf("%w %s: the variable is not set", ErrSecret, name)
		}
		return value, nil
	}
	f, err := os.Open(strings.TrimPrefix(name, "file:"))
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", ErrSecret, name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", ErrSecret, name, err)
	}
	return strings.TrimRight(string(data), " \t\r\n"), nil
}

// headers sets the registration's headers, with their secrets.
func (p *prepared) headers(named map[string]string, lookup Lookup) error {
	for name, value := range named {
		if prefix, secret, ok := exec.HeaderSecret(value); ok {
			found, err := lookup(secret)
			if err != nil {
				return err
			}
			if found == "" || len(found) > maxSecret || strings.ContainsFunc(found, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return fmt.Errorf("%w %s: it is empty, too long or not of printable characters", ErrSecret, secret)
			}
			p.secrets = append(p.secrets, []byte(found))
			p.secretHeaders[http.CanonicalHeaderKey(name)] = struct{}{}
			value = prefix + found
		}
		p.request.Header.Set(name, value)
		if http.CanonicalHeaderKey(name) == "Host" {
			p.request.Host = value
		}
	}
	return nil
}

var withheld = []byte("[secret]")

// leastSecret is the length from which a secret is looked for in a response; a
// shorter one would be found by chance.
const leastSecret = 6

// clean takes secrets out of what is kept.
func (p *prepared) clean(data []byte) []byte {
	for _, s := range p.secrets {
		if len(s) >= leastSecret && bytes.Contains(data, s) {
			data = bytes.ReplaceAll(data, s, withheld)
		}
	}
	return data
}

func (p *prepared) cleanText(text string) string { return string(p.clean([]byte(text))) }
