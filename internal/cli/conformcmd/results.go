package conformcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/conform/pack"
)

var results = cmdutil.Results{"": cmdutil.Document(pack.Report{})}
