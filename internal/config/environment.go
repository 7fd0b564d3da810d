package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// prefix begins our environment variables.
const prefix = "MYTHOS_"

// Variables are the variables that are not settings, with their descriptions. MYTHOS_DIR, the pager and the passphrases
// are read where they are needed.
var Variables = []struct{ Name, Help string }{
	{"MYTHOS_DIR", "the repository, as --repo"},
	{"MYTHOS_KEY_PASSPHRASE", "the passphrase of the key that is read"},
	{"MYTHOS_KEY_PASSPHRASE_FILE", "a file whose first line is that passphrase"},
	{"MYTHOS_KEY_NEW_PASSPHRASE", "the passphrase to protect a key with from now on"},
	{"MYTHOS_PAGER", "the pager of long output on a terminal, before PAGER; empty or cat: none"},
	{"MYTHOS_THEME", "light or dark: the background of the terminal"},
	{"MYTHOS_IDEMPOTENCY_KEY", "set for tools and probes: the key of the effect, in hex"},
	{"MYTHOS_FENCE", "set for tools and probes: the number of the attempt"},
	{"MYTHOS_IN", "set for tools that take a tree: the folder with its files"},
	{"MYTHOS_OUT", "set for tools that give a tree: the folder that becomes it"},
}

// testVariables are variables of this project's tests and benchmarks, which commands inherit, besides those that begin
// with MYTHOS_TEST_ or MYTHOS_BENCH_.
var testVariables = []string{"MYTHOS_CTVP", "MYTHOS_BATCH", "MYTHOS_KILLS", "MYTHOS_NETWORK", "MYTHOS_BADGER_TEST_DIR", "MYTHOS_STORE_TEST_DIR", "MYTHOS_SOCKET_TEST_PROBE",
	"MYTHOS_ONCE", "MYTHOS_ONCE_ROUNDS", "MYTHOS_ATTACK"}

// service matches the variables that Kubernetes sets in every container for a service whose name begins with "mythos".
var service = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^MYTHOS_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
})

// environment reads the settings among the variables "NAME=value". An empty value counts as unset. An unknown name is
// refused: usually it is a misspelt setting, which would protect nothing.
func environment(list []string) (map[string]any, error) {
	values := map[string]any{}
	for _, entry := range list {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || text == "" {
			continue
		}
		s, known := lookup(strings.ToLower(strings.TrimPrefix(name, prefix)))
		if !known || s.Variable() != name {
			if !otherVariable(name) {
				return nil, fmt.Errorf("%w: environment: %s", ErrSetting, unknown(name, variables()))
			}
			continue
		}
		value, err := s.parse(text)
		if err != nil {
			return nil, s.wrong("environment", name, text, err)
		}
		values[s.Name] = value
	}
	return values, nil
}

func otherVariable(name string) bool {
	for _, v := range Variables {
		if v.Name == name {
			return true
		}
	}
	return slices.Contains(testVariables, name) || strings.HasPrefix(name, prefix+"TEST_") || strings.HasPrefix(name, prefix+"BENCH_") || service().MatchString(name)
}

// variables are the names of all variables that people set.
func variables() []string {
	list := make([]string, 0, len(settings)+len(Variables))
	for i := range settings {
		list = append(list, settings[i].Variable())
	}
	for _, v := range Variables {
		list = append(list, v.Name)
	}
	return list
}
