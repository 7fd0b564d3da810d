package runcmd

import (
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
)

const redactUsage = "also keep an episode redacted by the rules in this file"

// redaction reads the file of rules; nil without one.
func redaction(f *cmdutil.Factory, n *repo.Repo, file string) (*redact.Rules, error) {
	if file == "" {
		return nil, nil
	}
	rules, err := f.Read(file)
	if err != nil {
		return nil, err
	}
	return n.Episodes.Redaction(rules)
}
