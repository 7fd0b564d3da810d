package conformcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/conform"
)

var results = cmdutil.Results{"": cmdutil.Document(conform.Report{})}
