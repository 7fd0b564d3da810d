package postgres

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// secrets are the parameters of an address that would be in it for everybody to see.
var secrets = []string{"password", "sslpassword"}

// CheckAddress refuses a malformed address of a database, and one with a password: lists of processes and files would
// show it. No error shows the address.
func CheckAddress(address string) error {
	rest, ok := strings.CutPrefix(address, "postgres://")
	if !ok {
		rest, ok = strings.CutPrefix(address, "postgresql://")
	}
	if !ok {
		return fmt.Errorf("%w: it begins with postgres://", ErrAddress)
	}
	authority, _, _ := strings.Cut(rest, "/") // nothing else ends it: libpq takes a ? before the @ for a part of the password
	if at := strings.LastIndexByte(authority, '@'); at >= 0 && strings.ContainsRune(authority[:at], ':') {
		return withPassword()
	}
	_, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: what follows the ? is not a list of parameters", ErrAddress)
	}
	for name := range values { // what libpq does not know by its name is sent to the server, and kept
		if slices.Contains(secrets, strings.ToLower(strings.TrimSpace(name))) {
			return withPassword()
		}
	}
	if _, err := parse(address); err != nil {
		return err
	}
	return nil
}

func withPassword() error {
	return fmt.Errorf("%w: it has a password in it; set PGPASSWORD, or name a file with passfile= or a service with service=", ErrAddress)
}

// parse reads an address and the additions from the variables and files of libpq.
func parse(address string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAddress, reason(err))
	}
	return c, nil
}

// reason is the text of a pgx error after the address, which the error repeats.
func reason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		return text[i+len("`: "):]
	}
	return "it is not understood"
}
