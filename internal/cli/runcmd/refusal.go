package runcmd

import (
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// Refusal adds to a refused call the command that would allow it.
func Refusal(err error, self, tool string) error {
	switch {
	case errors.Is(err, caps.ErrQuota):
		return clierr.New(clierr.Refused, "%w", err).With("mythos cap issue --to " + self + " --scope tool.call:" + tool + ",calls=1 --ttl 1h")
	case errors.Is(err, caps.ErrDenied):
		return clierr.New(clierr.Refused, "%w", err).With("mythos cap issue --to " + self + " --scope tool.call:" + tool + ",calls=1 --ttl 1h")
	}
	return err
}
