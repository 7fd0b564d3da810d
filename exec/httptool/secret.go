package httptool

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/mythos-project/mythos/exec/endpoint"
	"github.com/mythos-project/mythos/exec/secret"
)

// Lookup finds a secret by its name, "env:NAME" or "file:/path".
type Lookup func(name string) (string, error)

// maxSecret is the longest secret in bytes.
const maxSecret = 16 << 10

// ErrSecret means that a secret of a registration is not available.
var ErrSecret = errors.New("secret")

// System reads secrets from the environment and from files, without white space at the end. Errors wrap ErrSecret and
// name the secret, never its value.
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
	var secrets [][]byte
	for name, value := range named {
		own := http.CanonicalHeaderKey(name)
		if endpoint.Credential(name, value) {
			p.secretHeaders[own] = struct{}{}
		}
		if prefix, named, ok := endpoint.HeaderSecret(value); ok {
			found, err := lookup(named)
			if err != nil {
				return err
			}
			if found == "" || len(found) > maxSecret || strings.ContainsFunc(found, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return fmt.Errorf("%w %s: it is empty, too long or not of printable characters", ErrSecret, named)
			}
			secrets = append(secrets, []byte(found))
			p.secretHeaders[own] = struct{}{}
			value = prefix + found
		}
		p.request.Header.Set(name, value)
		if own == "Host" {
			p.request.Host = value
		}
	}
	p.mask = secret.New(secrets...)
	return nil
}
