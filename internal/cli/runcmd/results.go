package runcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

var (
	callResults   = cmdutil.Results{"": cmdutil.JSONLines(callLine{})}
	runResults    = cmdutil.Results{"": cmdutil.Document(resultView{})}
	replayResults = cmdutil.Results{"": cmdutil.Document(resultView{})}
	asmResults    = cmdutil.Results{"": cmdutil.Bytes()}
	disasmResults = cmdutil.Results{"": cmdutil.Bytes()}
)
