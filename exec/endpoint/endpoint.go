// Package endpoint checks the address of an HTTP tool: its URL template and its headers, whose values may name secrets
// (spec/tools.md).
package endpoint

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/internal/jsontext"
)

var (
	httpToken  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]{1,64}$`) })
	ownHeaders = []string{"idempotency-key", "mythos-fence", "content-length", "transfer-encoding", "connection"} // set by the runner and by net/http
)

// HeaderSecret splits the value of a header whose last word names a secret, "env:NAME"
// or "file:/path": "Bearer env:TOKEN" is the text "Bearer " and the secret "env:TOKEN".
func HeaderSecret(value string) (text, secret string, ok bool) {
	at := strings.LastIndexByte(value, ' ') + 1
	text, secret = value[:at], value[at:]
	ok = (strings.HasPrefix(secret, "env:") && len(secret) > len("env:")) || strings.HasPrefix(secret, "file:/")
	return text, secret, ok
}

// Credential reports a header whose value looks like access credentials. Such a header goes only to the URL's own
// origin.
func Credential(name, value string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "cookie", "key", "token", "secret", "password", "credential", "session", "signature"} {
		if strings.Contains(name, word) && name != "idempotency-key" {
			return true
		}
	}
	scheme, _, more := strings.Cut(strings.ToLower(value), " ")
	return more && (scheme == "bearer" || scheme == "basic" || scheme == "token")
}

// LiteralSecret reports a header whose value looks like a secret itself and not like the name of one.
func LiteralSecret(name, value string) bool {
	_, _, named := HeaderSecret(value)
	return !named && value != "" && Credential(name, value)
}

// CheckURL parses the URL template of a tool: http or https, with a fixed host.
func CheckURL(template string) (*url.URL, error) {
	fixed, _, _ := strings.Cut(template, "{")
	u, err := url.Parse(fixed)
	var bad *url.Error
	switch {
	case errors.As(err, &bad): // which repeats the whole URL, and a password with it
		return nil, fmt.Errorf("URL: %w", bad.Err)
	case err != nil:
		return nil, fmt.Errorf("URL: %w", err)
	case u.User != nil:
		return nil, fmt.Errorf("the URL has a user or a password before %q: name the secret in a header", u.Host)
	}
	inPath := fixed == template || (u.Host != "" && strings.Count(fixed, "/") > 2)
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Contains(template, "#") || !inPath {
		return nil, fmt.Errorf("URL %q: expected http or https with a fixed host, and no fragment", template)
	}
	return u, checkBraces(template)
}

// checkBraces refuses a template whose braces do not each hold a JSON pointer.
func checkBraces(template string) error {
	for _, part := range strings.Split(template, "{")[1:] {
		pointer, _, closed := strings.Cut(part, "}")
		if name := strings.TrimPrefix(pointer, "+"); !closed || !strings.HasPrefix(name, "/") {
			return fmt.Errorf("URL template %q: expected {/name}, or {+/name} for a value with slashes", template)
		} else if _, err := jsontext.ParsePointer(name); err != nil {
			return fmt.Errorf("URL template %q: %w", template, err)
		}
	}
	return nil
}

// IsHeaderName reports whether a text of 1 to 64 bytes is a valid name of an HTTP header.
func IsHeaderName(name string) bool { return httpToken().MatchString(name) }

// CheckHeaders refuses malformed headers, and secrets that would go to another
// machine without TLS.
func CheckHeaders(u *url.URL, headers map[string]string) error {
	for name, value := range headers {
		if !IsHeaderName(name) || slices.Contains(ownHeaders, strings.ToLower(name)) {
			return fmt.Errorf("header %q cannot be set", name)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("header %q has control characters", name)
		}
		if _, secret, ok := HeaderSecret(value); ok && u.Scheme != "https" && !loopback(u.Hostname()) {
			return fmt.Errorf("header %q: secret %s would cross the network unencrypted: use https", name, secret)
		}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") || (ip != nil && ip.IsLoopback())
}
