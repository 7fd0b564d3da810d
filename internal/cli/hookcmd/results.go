package hookcmd

import "github.com/mythos-project/mythos/internal/cli/cmdutil"

var results = cmdutil.Results{"config": cmdutil.Bytes(), "claude": cmdutil.Bytes(), "codex": cmdutil.Bytes(), "cursor": cmdutil.Bytes(), "gemini": cmdutil.Bytes()}
