package parts

import (
	"os"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
