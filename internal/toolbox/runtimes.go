package toolbox

import (
	"fmt"
	"maps"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec"
)

// systemFiles is what ordinary programs read to start: libraries, certificates, locales, time zones, user names. None
// of it is secret.
var systemFiles = []string{
	"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr",
	"/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/crypto-policies", "/etc/debian_version", "/etc/fonts", "/etc/gitconfig",
	"/etc/group", "/etc/hostname", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/locale.alias", "/etc/locale.conf", "/etc/localtime",
	"/etc/lsb-release", "/etc/magic", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/pki/ca-trust", "/etc/pki/tls/certs",
	"/etc/pki/tls/openssl.cnf", "/etc/python3", "/etc/ssl/cert.pem", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/timezone", "/nix/store",
	"/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/sys/kernel", "/proc/sys/vm", "/proc/uptime", "/proc/version",
	"/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage",
}

// systemPaths returns the systemFiles that exist.
func systemPaths() []string { return existing(systemFiles) }

func existing(paths []string) (found []string) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			found = append(found, p)
		}
	}
	return found
}

// profile is what the programs of one language or system need in addition to what every program may read. Paths that
// begin with ~/ are in the home of the user who registers the tool.
type profile struct {
	program string   // its folder's parent may be read: a runtime is seldom in one folder
	read    []string // may be read
	write   []string // may be written
	env     []string // variables that are passed on
}

var runtimes = map[string]profile{
	"git": {"git", []string{"~/.gitconfig", "~/.config/git"}, nil, []string{"HOME"}},
	"go": {"go", []string{"~/go/pkg/mod", "~/.config/go"}, []string{"~/.cache/go-build"},
		[]string{"HOME", "GOROOT", "GOPATH", "GOMODCACHE", "GOFLAGS", "GOTOOLCHAIN"}},
	"java":   {"java", nil, nil, []string{"JAVA_HOME"}},
	"node":   {"node", []string{"~/.nvm/versions", "~/.npm/_npx", "~/.volta/tools"}, nil, []string{"NODE_PATH"}},
	"perl":   {"perl", []string{"/etc/perl", "~/perl5"}, nil, []string{"PERL5LIB"}},
	"python": {"python3", []string{"~/.pyenv", "~/.local/lib", "~/.local/share/uv"}, nil, []string{"PYTHONPATH", "VIRTUAL_ENV"}},
	"ruby":   {"ruby", []string{"~/.rbenv", "~/.gem", "~/.local/share/gem"}, nil, []string{"GEM_HOME", "GEM_PATH"}},
}

// Runtimes returns the names that are allowed in ToolSpec.Runtimes, ascending.
func Runtimes() []string { return slices.Sorted(maps.Keys(runtimes)) }

// addRuntime lets a confined program read what a runtime needs, as it is found here.
func addRuntime(m *exec.ModuleRef, name string) error {
	r, ok := runtimes[name]
	if !ok {
		return fmt.Errorf("no runtime %q: one of %s", name, strings.Join(Runtimes(), ", "))
	}
	read := inHome(r.read)
	if path, err := osexec.LookPath(r.program); err == nil {
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
		read = append(read, around(path)...)
	}
	m.Read = appendNew(m.Read, existing(read))
	m.Write = appendNew(m.Write, existing(inHome(r.write)))
	m.Env = appendNew(m.Env, r.env)
	return nil
}

// around returns what belongs to a program: its folder's parent. That is not granted if more lies in it than the
// runtime: somebody's home, ~/.local, or our working folder, which may hold a repository with its keys. Then it returns
// the program's folder and its libraries.
func around(program string) []string {
	folder := filepath.Dir(program)
	prefix := filepath.Dir(folder)
	if prefix == "/" || strings.HasPrefix(prefix+"/", "/usr/") {
		return nil
	}
	home, _ := os.UserHomeDir() // without a home, nothing is in it
	dir, _ := os.Getwd()
	for _, more := range []string{home, dir} {
		real, err := filepath.EvalSymlinks(more)
		if err == nil && (strings.HasPrefix(real+"/", prefix+"/") || filepath.Join(real, ".local") == prefix) {
			return []string{folder, filepath.Join(prefix, "lib"), filepath.Join(prefix, "lib64"), filepath.Join(prefix, "libexec")}
		}
	}
	return []string{prefix}
}

// appendNew appends what list does not yet contain.
func appendNew(list, more []string) []string {
	for _, text := range more {
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// inHome replaces ~ by the home; without a home, such paths are left out.
func inHome(paths []string) (out []string) {
	home, err := os.UserHomeDir()
	for _, p := range paths {
		rest, own := strings.CutPrefix(p, "~/")
		switch {
		case !own:
			out = append(out, p)
		case err == nil && filepath.IsAbs(home) && home != "/":
			out = append(out, filepath.Join(home, rest))
		}
	}
	return out
}
