package process

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec"
)

// CallerEnv names the variables that an unconfined tool gets of whoever calls it, where
// its registration names no others: what programs need to find their way, and no secret.
var CallerEnv = []string{
	"CI", "COLORTERM", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME",
	"LOGNAME", "NO_COLOR", "PATH", "SHELL", "SSH_AUTH_SOCK", "TERM", "TMPDIR", "TZ", "USER",
	"XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
}

// confinedPath is where a confined program finds others, unless its registration names PATH.
const confinedPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what the registration names, what the effect adds, and, for a confined
// program, a home of its own: the fresh folder.
func (r *Runner) environment(call exec.Call, fresh string) []string {
	env := []string{"MYTHOS_FENCE=" + strconv.FormatUint(call.Fence, 10)}
	if len(call.Key) > 0 {
		env = append(env, "MYTHOS_IDEMPOTENCY_KEY="+hex.EncodeToString(call.Key))
	}
	names := call.Module.Env
	if !r.Peers {
		names = slices.Concat(names, call.Module.Caller)
	}
	given := make(map[string]bool)
	for _, name := range names {
		if given[name] {
			continue
		}
		if v, ok := r.lookup(name); ok {
			given[name] = true
			env = append(env, name+"="+v)
		}
	}
	if call.Module.Confinement == exec.ConfineNone {
		return env
	}
	for _, own := range [][2]string{{"PATH", confinedPath}, {"HOME", fresh}, {"TMPDIR", fresh}} {
		if !given[own[0]] {
			env = append(env, own[0]+"="+own[1])
		}
	}
	return env
}

func (r *Runner) lookup(name string) (string, bool) {
	if r.Lookup != nil {
		return r.Lookup(name)
	}
	return os.LookupEnv(name)
}

// leastSecret is how long the value of a variable is, at least, that is taken out of
// notes: shorter ones are part of ordinary words.
const leastSecret = 6

// hiding replaces the values of the variables that a registration names by their names.
// Those that any caller has, such as PATH, are no secrets.
func (r *Runner) hiding(ref exec.ModuleRef) func(string) string {
	var pairs []string
	for _, name := range ref.Env {
		if v, ok := r.lookup(name); ok && len(v) >= leastSecret && !slices.Contains(CallerEnv, name) {
			for _, form := range encodings(v) {
				pairs = append(pairs, form, "["+name+"]")
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

// dirOf is where a call runs: the fresh folder, or what the registration names.
func (r *Runner) dirOf(ref exec.ModuleRef, fresh string) (string, error) {
	switch {
	case ref.Dir == "" || ref.Dir == "." && r.Peers:
		return fresh, nil
	case ref.Dir == ".":
		return os.Getwd()
	}
	return ref.Dir, nil
}
