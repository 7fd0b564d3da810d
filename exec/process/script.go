package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/plainfile"
)

// lineMax is how much of a script's first line the kernel reads.
const lineMax = 256

// maxNesting is how many scripts may be each other's interpreters, as in the kernel.
const maxNesting = 4

// errNotProgram means that a file is neither a program nor a script.
var errNotProgram = errors.New("exec format error: it is neither a program of this machine nor a script with an interpreter in its first line (#! and a path)")

// Interpreter is the command that runs the script at path: the program, and arguments that come before the script's own
// path. It is empty if the file is not a script. If the first line says `env NAME`, NAME is looked up now.
func Interpreter(path string) ([]string, error) {
	var chain []string
	for range maxNesting {
		line, err := firstLine(path)
		if err != nil || line == nil {
			return chain, err
		}
		own, err := parseLine(path, line)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(own[0]); err != nil {
			return nil, fmt.Errorf("the interpreter of %s: %w", path, err)
		}
		chain, path = append(own, chain...), own[0] // the interpreter may itself be a script
	}
	return nil, fmt.Errorf("%s: interpreters are nested too deep", path)
}

// firstLine is the text after "#!" in the first line of a script; nil: it is not a script.
func firstLine(path string) ([]byte, error) {
	f, err := plainfile.OpenLinked(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, lineMax)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line, script := bytes.CutPrefix(head[:n], []byte("#!"))
	if !script {
		return nil, nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	return append([]byte{}, line...), nil
}

// parseLine parses an interpreter line as the kernel does: a path, and at most one argument with the rest of the line.
func parseLine(path string, line []byte) ([]string, error) {
	if bytes.HasSuffix(line, []byte("\r")) {
		return nil, fmt.Errorf("the first line of %s ends in CR LF, which no interpreter's name does; end it with LF alone", path)
	}
	interpreter, arg, _ := strings.Cut(strings.Trim(string(line), " \t"), " ")
	interpreter, more, tab := strings.Cut(interpreter, "\t")
	if tab {
		arg = more + " " + arg
	}
	arg = strings.Trim(arg, " \t")
	if !filepath.IsAbs(interpreter) {
		return nil, fmt.Errorf("the interpreter of %s is %q: expected an absolute path", path, interpreter)
	}
	if filepath.Base(interpreter) == "env" && arg != "" {
		return throughEnv(path, interpreter, arg)
	}
	if arg == "" {
		return []string{interpreter}, nil
	}
	return []string{interpreter, arg}, nil
}

// throughEnv finds the program that env would find. Other uses of env are left to env itself.
func throughEnv(path, env, arg string) ([]string, error) {
	words := []string{arg}
	if split, ok := strings.CutPrefix(arg, "-S"); ok {
		words = strings.Fields(split)
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.ContainsAny(arg, "='\"\\$") {
		return []string{env, arg}, nil
	}
	program, err := osexec.LookPath(words[0])
	if err != nil {
		return nil, fmt.Errorf("the interpreter of %s: %w", path, err)
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	return append([]string{program}, words[1:]...), nil
}

// shells read a script from any path, and do not look for files beside it.
var shells = []string{"sh", "dash", "bash", "ash", "ksh", "mksh", "zsh"}

// interpreters run the file that their first argument names, as shells do.
var interpreters = []string{"python", "node", "nodejs", "deno", "bun", "perl", "ruby", "php", "lua", "luajit", "tclsh", "Rscript", "guile", "julia"}

// scriptOf is the index of the argument that names an interpreter's script; 0: none. Only options come before it, and
// none that says that a later argument is code.
func scriptOf(program string, argv []string) int {
	code := "c"                                                                                                // options that say so: -c CODE of a shell
	if base := strings.TrimRight(filepath.Base(program), "0123456789."); slices.Contains(interpreters, base) { // python3.12
		code = "ceEmpr"
	} else if !shell(program) {
		return 0
	}
	for i, arg := range argv {
		switch {
		case i == 0:
		case !strings.HasPrefix(arg, "-"):
			return i
		case strings.HasPrefix(arg, "--"):
		case strings.ContainsAny(arg, code):
			return 0
		}
	}
	return 0
}

// wrappers start the program that one of their arguments names.
var wrappers = []string{"env", "nice", "ionice", "nohup", "setsid", "stdbuf", "time", "timeout", "sudo", "doas", "chrt", "taskset"}

// Runs finds the other files that a command runs besides its program: the program that a wrapper such as env starts,
// and the script of an interpreter. It returns absolute paths by the index of the argument.
func Runs(argv []string) map[int]string {
	found := map[int]string{}
	for at := 0; ; {
		if i := scriptOf(argv[at], argv[at:]); i > 0 {
			if path, err := filepath.Abs(argv[at+i]); err == nil {
				found[at+i] = path
			}
			return found
		}
		if !slices.Contains(wrappers, filepath.Base(argv[at])) {
			return found
		}
		next := at
		for i := at + 1; i < len(argv) && next == at; i++ {
			if strings.HasPrefix(argv[i], "-") || strings.Contains(argv[i], "=") {
				continue
			}
			path, err := osexec.LookPath(argv[i])
			if err != nil {
				continue
			}
			if path, err = filepath.Abs(path); err == nil {
				found[i], next = path, i
			}
		}
		if next == at {
			return found
		}
		at = next
	}
}

// Startable refuses a program that cannot be started: it is missing or not executable, it is neither a program nor a
// script, or the script's interpreter is missing.
func Startable(path string) error {
	interpreter, err := Interpreter(path)
	if err != nil || len(interpreter) > 0 {
		return err
	}
	f, err := plainfile.OpenLinked(path)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: a program must be readable, so that it can be pinned", err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := runnable(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func shell(program string) bool { return slices.Contains(shells, filepath.Base(program)) }

// ownPlace are the words with which a shell script finds its own path.
var ownPlace = [][]byte{
	[]byte("$0"), []byte("${0"), []byte("BASH_SOURCE"), []byte("BASH_ARGV"), []byte("ZSH_ARGZERO"), []byte("ZSH_SCRIPT"),
	[]byte("(%)"), []byte("(%N)"), []byte("functrace"), []byte("funcfiletrace"), []byte("$_"), []byte("${_"), []byte(".sh.file"),
}

// placeless reports whether a shell script does not ask for its own path.
func placeless(script []byte) bool {
	return !slices.ContainsFunc(ownPlace, func(w []byte) bool { return bytes.Contains(script, w) })
}
