package runcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

var (
	callResults   = cmdutil.Results{"": cmdutil.JSONLines(callLine{})}
	onceResults   = cmdutil.Results{"": cmdutil.Document(onceLine{})}
	runResults    = cmdutil.Results{"": cmdutil.Document(resultView{})}
	replayResults = cmdutil.Results{"": cmdutil.Document(resultView{})}
	asmResults    = cmdutil.Results{"": cmdutil.Bytes()}
	disasmResults = cmdutil.Results{"": cmdutil.Bytes()}
)
