// Package objectcmd has the commands for single canonical objects: encode, decode, hash, verify, show, object.
package objectcmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// structNamed finds the struct for --struct; an empty name means the untyped view.
func structNamed(name string) (object.Struct, error) {
	if name == "" {
		return object.Struct{}, nil
	}
	s, ok := catalog.Lookup(name)
	if !ok {
		return s, clierr.Usagef("unknown struct %q", name).With("one of: " + strings.Join(catalog.Names(), ", "))
	}
	return s, nil
}

// invalid gives an error about an object's bytes the exit code of a failed verification.
func invalid(name string, err error) error {
	var ce *can.Error
	if errors.As(err, &ce) || errors.Is(err, object.ErrInvalid) || errors.Is(err, object.ErrID) {
		return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
	}
	return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
}

func displayName(args []string) string {
	if len(args) == 0 || args[0] == "-" {
		return "standard input"
	}
	return args[0]
}

func firstArg(args []string) string {
	if len(args) == 0 {
		return "-"
	}
	return args[0]
}

// describe names an object for messages.
func describe(s object.Struct, id object.Hash) string {
	return fmt.Sprintf("%s %s", s.Name, id.Short())
}
