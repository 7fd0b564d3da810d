package process

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/secret"
)

// CallerEnv names the variables that an unconfined tool gets from its caller unless its registration names others: what
// programs need to work, and no secrets.
var CallerEnv = []string{
	"CI", "COLORTERM", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME",
	"LOGNAME", "NO_COLOR", "PATH", "SHELL", "SSH_AUTH_SOCK", "TERM", "TMPDIR", "TZ", "USER",
	"XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
}

// AttemptEnv names the variables that identify the attempt to a program.
var AttemptEnv = []string{"MYTHOS_FENCE", "MYTHOS_IDEMPOTENCY_KEY"}

// confinedPath is the PATH of a confined program, unless its registration names PATH.
const confinedPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is the environment of a call: the variables in the registration, those of the effect and, for a confined
// program, the fresh folder as its home.
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

// Hiding returns a function that replaces values of a registration's variables by their names in stored text, however
// the values are encoded. Variables of every caller, such as PATH, are not secrets.
func (r *Runner) Hiding(ref exec.ModuleRef) func(string) string {
	var masks []*secret.Mask
	for _, name := range ref.Env {
		if v, ok := r.lookup(name); ok && !slices.Contains(CallerEnv, name) {
			masks = append(masks, secret.Named("["+name+"]", []byte(v)))
		}
	}
	return func(text string) string {
		for _, m := range masks {
			text = m.CleanText(text)
		}
		return text
	}
}

// dirOf is the working directory of a call: the fresh folder, or the one in the registration.
func (r *Runner) dirOf(ref exec.ModuleRef, fresh string) (string, error) {
	switch {
	case ref.Dir == "" || ref.Dir == "." && r.Peers:
		return fresh, nil
	case ref.Dir == ".":
		return os.Getwd()
	}
	return ref.Dir, nil
}
