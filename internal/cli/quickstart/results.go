package quickstart

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

var results = cmdutil.Results{"": cmdutil.Bytes()}
