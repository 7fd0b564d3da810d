package exec

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/mythos-project/mythos/object"
)

// Kinds of implementation (ModuleRef.Kind).
const (
	KindWasm     uint8 = 1 // a WASI preview 1 module, run by exec/wasm
	KindProcess  uint8 = 2 // a program of this machine, run by exec/process
	KindHTTP     uint8 = 3 // an HTTP endpoint
	KindMCP      uint8 = 4 // a tool of an MCP server
	KindBuiltin  uint8 = 5 // compiled into the executor; never in a ModuleRef
	KindDeclared uint8 = 6 // run by a harness, which declares its outcome; nothing here runs it
)

var kindNames = [...]string{KindWasm: "wasm", KindProcess: "process", KindHTTP: "http", KindMCP: "mcp", KindBuiltin: "builtin", KindDeclared: "declared"}

// KindName is the word for a kind of implementation.
func KindName(kind uint8) string {
	if int(kind) < len(kindNames) && kindNames[kind] != "" {
		return kindNames[kind]
	}
	return fmt.Sprintf("kind %d", kind)
}

// Ways in which an implementation is confined (ModuleRef.Confinement).
const (
	ConfineWASI     = "wasi"       // stdin, stdout and stderr; no files, network, clock or random source
	ConfineLandlock = "landlock"   // Linux: only the files under Read and Write, no TCP
	ConfineNone     = "unconfined" // runs with the executor's own rights
	ConfineRemote   = "remote"     // runs on another machine, or as another's server
)

// ModuleRef names a tool's implementation and its sandbox (spec/effects.md). The hash of its canonical bytes is the
// tool's ToolDef.module, so a tool's id pins its implementation and its confinement.
type ModuleRef struct {
	Kind        uint8         `can:"1,kind"`                 // 1 wasm, 2 process, 3 http, 4 mcp, 6 declared
	ModuleHash  *object.Hash  `can:"2,module_hash"`          // of the module's or binary's bytes: wasm, process
	Argv        []string      `can:"3,argv,optional"`        // process, and mcp over stdio: absolute program path, arguments
	URL         string        `can:"4,url,omitzero"`         // http, and mcp over HTTP
	Limits      *ModuleLimits `can:"5,limits"`               // replace the default ones; a local policy may lower them
	Confinement string        `can:"6,confinement,omitzero"` // "wasi", "landlock", "unconfined" or "remote"
	Env         []string      `can:"7,env,optional"`         // names of environment variables that are passed on
	Read        []string      `can:"8,read,optional"`        // landlock: absolute paths that may be read and executed
	Write       []string      `can:"9,write,optional"`       // landlock: absolute paths that may be written
	Method      string        `can:"10,method,omitzero"`     // http
	// of an http tool; the last word of a value, "env:NAME" or "file:/path", names a secret that is looked up at the
	// call and appears in no trace, receipt or log
	Headers map[string]string `can:"11,headers,optional"`
	Hosts   []string          `can:"12,hosts,optional"` // http: hosts that a redirect may lead to, besides the URL's
	Tool    string            `can:"13,tool,omitzero"`  // mcp: the tool's name at its server; declared: at its harness
	// other files of a program that are pinned by their hashes: its interpreter, scripts that its arguments name;
	// ascending by path, no repeats
	Files []PinnedFile `can:"14,files,optional"`
	// command that runs a script: the absolute path of a program in files, and arguments that come before the script's
	// own path
	Interpreter []string `can:"15,interpreter,optional"`
	// working directory of a program: absent: a fresh folder that is removed afterwards; ".": the caller's; otherwise
	// an absolute path. For a peer "." means a fresh folder
	Dir           string       `can:"16,dir,omitzero"`
	Caller        []string     `can:"17,caller,optional"`         // names of variables that are passed on if the program runs for a caller on this machine
	Definition    *object.Hash `can:"20,definition"`              // of the tool's definition (spec/tools.md#definition)
	RedirectPaths []string     `can:"21,redirect_paths,optional"` // http: paths of the URL's own host to which a redirect also carries the secrets
	TakesTree     bool         `can:"24,takes_tree,omitzero"`     // process: the request names a tree, whose files the program may read
	GivesTree     bool         `can:"25,gives_tree,omitzero"`     // process: the response names the tree of the files that the program leaves in a folder
}

// PinnedFile is a file of a program. The path is followed through links; the hash is that of the file at the end.
type PinnedFile struct {
	Path string      `can:"1,path"` // absolute
	Hash object.Hash `can:"2,hash"` // of the file's bytes
}

// ModuleLimits are the bounds that are part of a tool's identity. Zero means no limit.
type ModuleLimits struct {
	TimeoutUs   uint64 `can:"1,timeout_us,omitzero"`
	MaxRequest  uint64 `can:"2,max_request,omitzero"`  // bytes
	MaxResponse uint64 `can:"3,max_response,omitzero"` // bytes
	MaxMemory   uint64 `can:"4,max_memory,omitzero"`   // bytes
}

const maxLimit = 1 << 40 // keeps every limit far from overflow

// Check refuses limits beyond 2^40 (a terabyte, or twelve days) [field-41].
func (l ModuleLimits) Check() error {
	if max(l.TimeoutUs, l.MaxRequest, l.MaxResponse, l.MaxMemory) > maxLimit {
		return errors.New("a limit exceeds 2^40")
	}
	return nil
}

func (l *ModuleLimits) limits() Limits {
	if l == nil {
		return Limits{}
	}
	return Limits{
		Timeout:     time.Duration(l.TimeoutUs) * time.Microsecond,
		MaxRequest:  int64(l.MaxRequest),
		MaxResponse: int64(l.MaxResponse),
		MaxMemory:   int64(l.MaxMemory),
	}
}

// Check checks the fields that each kind requires [field-40].
func (m ModuleRef) Check() error {
	if m.Definition != nil && m.Kind == KindDeclared {
		return errors.New("a declared tool has no definition")
	}
	if len(m.RedirectPaths) > 0 && m.URL == "" {
		return errors.New("redirect paths belong to a tool with a URL")
	}
	if (m.TakesTree || m.GivesTree) && m.Kind != KindProcess {
		return errors.New("only a process takes or gives a tree")
	}
	switch m.Kind {
	case KindWasm:
		return m.checkWasm()
	case KindProcess:
		return m.checkProcess()
	case KindHTTP:
		return m.checkHTTP()
	case KindMCP:
		return m.checkMCP()
	case KindDeclared:
		return m.checkDeclared()
	}
	return fmt.Errorf("module kind %d is not known", m.Kind)
}

func (m ModuleRef) checkWasm() error {
	if m.ModuleHash == nil || m.Confinement != ConfineWASI || len(m.Env) > 0 {
		return errors.New("a wasm tool has its module's hash, is confined \"wasi\" and is passed no environment")
	}
	return nil
}

func (m ModuleRef) checkProcess() error {
	if m.ModuleHash == nil || len(m.Argv) == 0 || !filepath.IsAbs(m.Argv[0]) {
		return errors.New("a program has its binary's hash and an argument list that starts with an absolute path")
	}
	if err := m.checkFiles(); err != nil {
		return err
	}
	switch m.Confinement {
	case ConfineNone:
		if len(m.Read)+len(m.Write) > 0 {
			return errors.New("an unconfined tool names no paths")
		}
		return nil
	case ConfineLandlock:
		for _, list := range [][]string{m.Read, m.Write} {
			for _, p := range list {
				if !filepath.IsAbs(p) {
					return fmt.Errorf("path %q is not absolute", p)
				}
			}
		}
		return nil
	}
	return fmt.Errorf("a program is confined %q or %q, not %q", ConfineLandlock, ConfineNone, m.Confinement)
}

// checkFiles checks the form of the other pinned files and of the working directory.
func (m ModuleRef) checkFiles() error {
	for i, f := range m.Files {
		if !filepath.IsAbs(f.Path) || i > 0 && f.Path <= m.Files[i-1].Path {
			return fmt.Errorf("pinned file %q: absolute paths in ascending order, each once, are expected", f.Path)
		}
	}
	if len(m.Interpreter) > 0 {
		if _, ok := m.Pinned(m.Interpreter[0]); !ok {
			return fmt.Errorf("interpreter %q is not one of the pinned files", m.Interpreter[0])
		}
	}
	if m.Dir != "" && m.Dir != "." && !filepath.IsAbs(m.Dir) {
		return fmt.Errorf("folder %q: expected an absolute path or \".\"", m.Dir)
	}
	return nil
}

// Pinned is the hash of a path in Files.
func (m ModuleRef) Pinned(path string) (h object.Hash, ok bool) {
	for _, f := range m.Files {
		if f.Path == path {
			return f.Hash, true
		}
	}
	return h, false
}

// checkMCP checks a server that is started here by the rules for a process, and a server over HTTP by those for an
// endpoint.
func (m ModuleRef) checkMCP() error {
	if (m.URL == "") == (len(m.Argv) == 0) || m.Tool == "" || len(m.Tool) > maxToolName || m.Method != "" {
		return fmt.Errorf("an mcp tool has either a URL or an argument list, and a name of at most %d bytes at its server", maxToolName)
	}
	if m.URL == "" {
		return m.checkProcess()
	}
	if strings.Contains(m.URL, "{") {
		return errors.New("the URL of an mcp server cannot be a template")
	}
	return m.checkHTTP()
}

// checkDeclared refuses fields that say how to run a tool: nothing here runs it.
func (m ModuleRef) checkDeclared() error {
	lists := len(m.Argv) + len(m.Env) + len(m.Read) + len(m.Write) + len(m.Headers) + len(m.Hosts) + len(m.Files) + len(m.Interpreter) + len(m.Caller)
	if m.Tool == "" || len(m.Tool) > maxToolName || lists > 0 || m.ModuleHash != nil || m.URL+m.Confinement+m.Method+m.Dir != "" {
		return fmt.Errorf("a declared tool has a name of at most %d bytes at its harness, and nothing that says how it is run", maxToolName)
	}
	return nil
}

const maxToolName = 256

// ModuleRule identifies a ModuleRef by all of its bytes.
var ModuleRule = object.Rule{}

// Hash is the ToolDef.module of this implementation.
func (m ModuleRef) Hash() (object.Hash, error) { return ModuleRule.IDOf(&m) }
