// Package launcher checks whether a command that starts a package by its name, such as npx, names one exact version.
// Only the launcher of such a command is pinned: without a version, it may start another program tomorrow.
package launcher

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// FloatingError means that a command does not name the version that it starts.
type FloatingError struct{ Launcher, Package, Want string }

func (e *FloatingError) Error() string {
	return fmt.Sprintf("%s starts %q in whatever version exists: expected %s", e.Launcher, e.Package, e.Want)
}

var (
	exactNPM = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(@[^/@]+/)?[^/@]+@[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`)
	})
	exactPython = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9._-]+(\[[A-Za-z0-9,._-]*\])?(==|@)[0-9]+(\.[0-9]+)*([A-Za-z0-9.+-]*)?$`)
	})
	digest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`@sha256:[0-9a-f]{64}$`) })
)

// Check refuses a command that starts any version of a package: a *FloatingError. It ignores programs that are not
// launchers.
func Check(argv []string) error {
	if len(argv) == 0 {
		return nil
	}
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	switch name {
	case "npx", "bunx", "pnpx":
		return exact(name, named(argv[1:], npxValues, "-p", "--package"), exactNPM(), "PACKAGE@1.2.3")
	case "uvx", "pipx":
		return exact(name, named(argv[1:], uvxValues, "--from"), exactPython(), "PACKAGE==1.2.3")
	case "docker", "podman":
		if i := slices.Index(argv, "run"); i > 0 {
			return exact(name, named(argv[i+1:], dockerValues), digest(), "IMAGE@sha256:...")
		}
	}
	return nil
}

func exact(launcher, pkg string, form *regexp.Regexp, want string) error {
	if form.MatchString(pkg) || strings.HasPrefix(pkg, "/") || strings.HasPrefix(pkg, "./") {
		return nil
	}
	return &FloatingError{launcher, pkg, want}
}

// Flags of the launchers that are followed by a value.
var (
	npxValues    = []string{"-p", "--package", "-c", "--call", "-w", "--workspace"}
	uvxValues    = []string{"--from", "--with", "-p", "--python", "--index", "--index-url", "--with-requirements", "--spec"}
	dockerValues = []string{"-e", "--env", "-v", "--volume", "--mount", "--name", "-p", "--publish", "-w", "--workdir", "-u", "--user",
		"--network", "--net", "--env-file", "-l", "--label", "--entrypoint", "-m", "--memory", "--cpus", "--platform", "--tmpfs", "--add-host", "--cap-add", "--cap-drop", "--security-opt", "-h", "--hostname", "--pull", "--runtime", "--ulimit", "--dns"}
)

// named returns the package in the arguments: the value of one of the flags, or the first word that is not a flag.
func named(args, values []string, flags ...string) string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if name, value, ok := strings.Cut(arg, "="); ok && slices.Contains(flags, name) {
			return value
		}
		switch {
		case slices.Contains(flags, arg) && i+1 < len(args):
			return args[i+1]
		case slices.Contains(values, arg):
			i++
		case arg == "--" && i+1 < len(args):
			return args[i+1]
		case !strings.HasPrefix(arg, "-") && arg != "run":
			return arg
		}
	}
	return ""
}
