// Package arch holds the test of the import rules: imports may only point down the list of rooms.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mythos-project/mythos/"

// leaves are packages for everything that needs them. They import at most each other.
var leaves = []string{"internal/atomicfile", "internal/decimal", "internal/flock", "internal/inflight", "internal/jsonschema", "internal/jsontext", "internal/par", "internal/plainfile", "internal/strictyaml", "internal/units", "store/kv"}

// on returns what a package above the protocol may import: the protocol, and the named packages.
func on(below ...string) []string {
	return append([]string{"object", "object/...", "store", "store/...", "caps", "caps/...", "ledger", "ledger/...", "packet", "packet/...", "exec", "exec/...",
		"dataset", "dataset/...", "model", "model/..."}, below...)
}

// rooms lists every package with the packages of this module that its code may import. "*" is everything. A folder
// ending in /... covers all packages below it.
var rooms = []struct {
	name  string
	below []string
}{
	{"object/can", nil},
	{"object", []string{"object/can"}},
	{"object/sign", []string{"object", "object/can"}},
	{"object/merkle", []string{"object", "object/can"}},
	{"object/tree", []string{"object", "object/can", "object/merkle"}},
	{"internal/supervise", nil},
	{"store/seekable", nil},
	{"store/layout", []string{"object"}},
	{"store/codec", []string{"object", "store/seekable"}},
	{"store", []string{"object/...", "object", "store/codec", "store/layout", "store/seekable"}},
	{"store/...", []string{"object", "object/...", "store", "store/..."}},
	{"caps/scope", []string{"object", "object/..."}},
	{"caps", []string{"object", "object/...", "caps/scope"}},
	{"caps/...", []string{"object", "object/...", "caps/scope", "caps"}},
	{"internal/keyfile", []string{"object", "object/...", "caps", "caps/scope", "ledger"}},
	{"ledger/mlog", []string{"object", "object/...", "store/kv"}},
	{"ledger", []string{"object", "object/...", "ledger/mlog"}},
	{"ledger/kvledger", []string{"object", "object/...", "ledger", "ledger/mlog"}},
	{"ledger/epoch", []string{"object", "object/sign", "store/memory", "ledger", "ledger/kvledger", "ledger/mlog", "store/kv"}},
	{"ledger/intoto", []string{"object", "object/...", "ledger"}},
	{"packet", []string{"object", "object/..."}},
	{"exec/ir", []string{"object", "object/..."}},
	{"exec/ir/asm", []string{"object", "object/...", "exec/ir"}},
	{"exec/output", nil},
	{"exec/endpoint", []string{}},
	{"exec/probed", []string{}},
	{"exec/patience", []string{"ledger"}},
	{"exec/approval", []string{"object", "object/...", "caps", "caps/scope", "ledger", "store"}},
	{"exec/vm", []string{"object", "object/...", "exec/ir", "caps"}},
	{"exec/bill", []string{"object", "caps", "caps/quota", "caps/scope", "ledger"}},
	{"exec", []string{"object", "object/...", "exec/approval", "exec/bill", "exec/ir", "exec/endpoint", "exec/output", "exec/patience", "exec/probed", "exec/toolname", "exec/vm", "caps", "caps/quota", "caps/scope", "ledger", "store", "store/codec"}},
	{"exec/...", []string{"object", "object/...", "exec", "exec/endpoint", "exec/ir", "exec/output", "exec/runnertest", "exec/secret", "exec/vm"}},
	{"exec/blob", []string{"object", "object/...", "exec", "exec/output", "exec/vm", "caps/scope", "store", "store/codec"}},
	{"exec/toolname", nil},
	{"exec/natural", []string{"exec"}},
	{"exec/run", []string{"object", "object/...", "exec", "exec/ir", "exec/vm", "caps", "ledger", "store"}},
	{"exec/hold", []string{"object", "object/...", "exec", "exec/ir", "caps", "ledger", "store"}},
	{"exec/exectest", []string{"object", "object/...", "exec", "exec/blob", "caps", "caps/...", "ledger", "ledger/...", "store", "store/memory"}},
	{"exec/cell", []string{"object", "object/...", "exec", "exec/vm", "caps", "caps/scope", "ledger", "store"}},
	{"exec/process", []string{"object", "object/tree", "exec", "exec/output", "exec/secret", "internal/supervise"}},
	{"exec/mcptool/streamable", []string{"exec/httptool", "exec/output"}},
	{"exec/definition", []string{"object", "exec", "exec/endpoint", "exec/output"}},
	{"exec/mcptool", []string{"object", "exec", "exec/definition", "exec/output", "exec/process", "exec/httptool", "exec/mcptool/streamable"}},
	{"dataset/quick", []string{"object", "object/can"}},
	{"dataset/pages", []string{"object", "object/sign"}},
	{"dataset/signal", []string{"object", "object/...", "store", "exec/ir", "dataset/pages", "dataset/quick"}},
	{"dataset/imported", []string{"object", "ledger", "exec/ir"}},
	{"dataset/query", []string{"object", "object/...", "ledger", "exec/ir", "dataset/imported", "dataset/pages", "dataset/quick", "dataset/signal"}},
	{"dataset/redact", []string{"object", "exec/ir"}},
	{"dataset", []string{"object", "object/...", "store", "ledger", "exec/ir", "dataset/pages", "dataset/query", "dataset/quick", "dataset/signal"}},
	{"dataset/export/croissant", nil},
	{"dataset/export", []string{"dataset/export/croissant", "object", "object/...", "store", "ledger", "exec/ir", "dataset", "dataset/imported", "dataset/query", "dataset/redact", "dataset/signal"}},
	{"dataset/ingest/foreign", []string{"object", "exec/ir"}},
	{"dataset/ingest/foreign/foreigntest", []string{"object", "dataset/ingest/foreign", "dataset/signal"}},
	{"dataset/ingest/otel", []string{"object", "dataset/ingest/foreign"}},
	{"dataset/ingest", []string{"object", "object/...", "store", "ledger", "exec/ir", "dataset", "dataset/imported", "dataset/ingest/foreign", "dataset/ingest/otel", "dataset/signal"}},
	{"model", []string{"object", "object/...", "store", "store/codec", "ledger", "exec/ir"}},
	{"model/judge", []string{"object", "object/...", "ledger", "model"}},
	{"model/oms", []string{"ledger/intoto"}},
	{"model/weights", []string{"object", "object/...", "store/codec", "model"}},
	{"model/registry", []string{"object", "object/...", "store", "store/codec", "ledger", "ledger/intoto", "model", "model/judge", "model/oms", "model/weights"}},
	{"model/train", []string{"object", "object/...", "store", "store/codec", "model", "model/weights"}},
	{"model/why", []string{"object", "object/...", "store", "ledger", "caps", "caps/scope", "exec/approval", "exec/ir", "dataset", "dataset/...", "model", "model/judge", "model/registry"}},
	{"tools", []string{"tools/wordvec"}},
	{"internal/wat", nil},
	{"internal/wat/gen", []string{"internal/wat"}},
	{"internal/vector", []string{}},
	{"tools/...", nil},
	{"spec", nil},
	{"spec/...", []string{"*"}},
	{"internal/config", []string{}},
	{"internal/testproc", nil},
	{"internal/pgtest", []string{"internal/testproc"}},
	{"internal/s3test", []string{"internal/testproc"}},
	{"internal/engine", []string{"object", "store", "store/...", "ledger", "internal/identity"}},
	{"internal/migrate", []string{"object", "object/sign", "store", "store/kv", "ledger", "ledger/kvledger", "ledger/mlog", "internal/engine", "internal/running"}},
	{"internal/ui", nil},
	{"internal/arch", nil},
	{"internal/show", []string{"model/why"}},
	{"internal/recall", nil},
	{"internal/gitignore", nil},
	{"internal/trees", []string{"object", "object/merkle", "object/tree", "store", "store/codec", "exec/process", "model/train", "internal/gitignore"}},
	{"internal/peer/auth", []string{"object", "object/...", "caps", "caps/scope", "caps/..."}},
	{"internal/remedy", []string{"caps"}},
	{"internal/problem", []string{"internal/cli/clierr"}},
	{"internal/gateway/bearer", []string{"object", "object/...", "caps", "caps/scope"}},
	{"internal/gateway/api", []string{"object", "object/...", "caps", "caps/scope", "ledger", "exec", "exec/ir", "internal/calls", "internal/evidence", "internal/gateway/bearer", "internal/peer", "internal/problem", "internal/repo"}},
	{"internal/gateway/wire", []string{"object", "object/...", "caps", "ledger"}},
	{"internal/gateway", []string{"object", "object/...", "caps", "caps/quota", "caps/scope", "ledger", "ledger/kvledger", "ledger/mlog", "store", "exec", "exec/approval", "exec/hold", "exec/once", "exec/output", "exec/probed", "internal/evidence", "internal/gateway/wire", "internal/keyfile", "internal/repo", "internal/peer", "internal/peer/auth"}},
	{"internal/remote", []string{"object", "object/...", "caps", "caps/quota", "caps/scope", "ledger", "ledger/kvledger", "ledger/mlog", "exec", "internal/gateway/wire", "internal/peer", "internal/peer/auth"}},
	{"internal/oidc", []string{"object", "object/can", "caps", "caps/scope"}},
	{"internal/oidctest", nil},
	{"internal/linetest", nil},
	{"internal/issuer", []string{"object", "object/can", "caps", "caps/scope", "exec", "ledger", "internal/authority", "internal/oidc", "internal/peer", "internal/remote", "internal/repo"}},
	{"internal/objects", []string{"object", "object/...", "store", "internal/catalog"}},
	{"internal/identity", []string{"object", "object/sign", "store", "caps", "caps/scope", "internal/keyfile"}},
	{"internal/authority", on("internal/identity", "internal/keyfile", "internal/objects")},
	{"internal/toolbox", on("internal/mcp/pin")},
	{"internal/history", on("internal/identity", "internal/objects", "internal/toolbox")},
	{"internal/peers", on()},
	{"internal/lookup", on("internal/catalog", "internal/history", "internal/identity", "internal/objects", "internal/peers", "internal/toolbox")},
	{"internal/episodes", on("internal/authority", "internal/identity", "internal/toolbox")},
	{"internal/calls", on("internal/authority", "internal/episodes", "internal/identity", "internal/objects")},
	{"internal/datasets", on("internal/authority", "internal/calls", "internal/episodes", "internal/identity", "internal/lookup", "internal/objects", "internal/toolbox", "internal/trees")},
	{"internal/learn", on("internal/authority", "internal/calls", "internal/datasets", "internal/engine", "internal/identity", "internal/lookup", "internal/objects", "internal/toolbox")},
	{"internal/embedding", on("internal/authority", "internal/episodes", "internal/toolbox")},
	{"internal/indexes", on("internal/calls", "internal/embedding", "internal/episodes", "internal/identity", "internal/recall", "internal/vector")},
	{"internal/codebook", on("internal/calls", "internal/identity", "internal/keyfile", "internal/lookup", "internal/objects")},
	{"internal/spawn", on("internal/calls")},
	{"internal/freeze", on("internal/calls", "internal/identity")},
	{"internal/webhook", []string{"object", "caps", "exec/approval", "internal/plainfile", "object/can", "store/kv"}},
	{"internal/pins", on("internal/calls", "internal/identity")},
	{"internal/packets", on("internal/authority", "internal/calls", "internal/codebook", "internal/identity", "internal/keyfile")},
	{"internal/task", on("internal/authority", "internal/engine", "internal/identity", "internal/packets", "internal/spawn")},
	{"internal/pool", on("internal/identity", "internal/packets", "internal/spawn", "internal/task")},
	{"internal/explain", on("internal/authority", "internal/identity", "internal/learn", "internal/lookup", "internal/objects", "internal/packets", "internal/toolbox")},
	{"internal/transfer", on("internal/authority", "internal/catalog", "internal/codebook", "internal/datasets", "internal/episodes", "internal/explain", "internal/identity", "internal/lookup", "internal/objects")},
	{"internal/upkeep", on("internal/authority", "internal/catalog", "internal/identity", "internal/indexes", "internal/mcp/awaited", "internal/objects", "internal/packets", "internal/running", "internal/task", "internal/transfer", "internal/webhook")},
	{"internal/openlineage", []string{"object", "caps", "dataset", "ledger", "model"}},
	{"internal/repo", on("internal/authority", "internal/calls", "internal/codebook", "internal/config", "internal/datasets", "internal/embedding", "internal/engine", "internal/episodes", "internal/explain", "internal/freeze", "internal/history", "internal/identity", "internal/indexes", "internal/keyfile", "internal/learn", "internal/lookup", "internal/packets", "internal/peers", "internal/pins", "internal/pool", "internal/recording", "internal/running", "internal/spawn", "internal/task", "internal/toolbox", "internal/transfer", "internal/trees", "internal/upkeep", "internal/webhook")},
	{"internal/once", on("internal/calls", "internal/recording", "internal/repo", "internal/toolbox")},
	{"internal/overview", on("internal/history", "internal/identity", "internal/keyfile", "internal/lookup", "internal/peers", "internal/remedy", "internal/repo", "internal/webhook")},
	{"internal/peer", on("internal/peer/auth", "internal/peers", "internal/problem", "internal/repo")},
	{"internal/peer/parts", on("internal/peer", "internal/peer/auth", "internal/repo", "internal/transfer")},
	{"internal/worker", on("internal/engine", "internal/packets", "internal/repo", "internal/task")},
	{"internal/cluster", on("internal/peer", "internal/repo", "internal/task", "internal/worker")},
	{"internal/peer/tasks", on("internal/packets", "internal/peer", "internal/peer/auth", "internal/repo", "internal/task", "internal/worker")},
	{"internal/peer/codebooks", on("internal/codebook", "internal/peer", "internal/peer/auth", "internal/repo")},
	{"internal/peer/peertest", on("internal/config", "internal/engine", "internal/keyfile", "internal/packets", "internal/peer/auth", "internal/repo", "internal/task")},
	{"internal/catalog", on("internal/gateway/bearer", "internal/gateway/wire")},
	{"internal/evidence", on()},
	{"internal/sample", on()},
	{"internal/conform/pack", on()},
	{"internal/conform/golden/input", on("internal/catalog")},
	{"internal/conform/golden/deciding", on("internal/conform/golden/input")},
	{"internal/conform/golden/credentials", on("internal/conform/golden/input", "internal/gateway/bearer", "internal/oidc", "internal/peer/auth")},
	{"internal/conform/golden", on("internal/catalog", "internal/conform/golden/deciding", "internal/conform/golden/credentials", "internal/conform/golden/input", "internal/conform/pack", "internal/evidence", "internal/identity", "internal/peer/parts")},
	{"internal/conform", on("internal/conform/golden", "internal/conform/pack")},
	{"internal/conform/cite", nil},
	{"internal/conform/generate/vector", on("internal/conform/cite", "internal/conform/golden", "internal/conform/golden/input")},
	{"internal/conform/generate/datasets", on("internal/conform/generate/vector")},
	{"internal/conform/generate/deciding", on("internal/conform/generate/vector", "internal/conform/golden")},
	{"internal/conform/generate/kept", on("internal/conform/generate/vector", "internal/identity")},
	{"internal/conform/generate/credentials", on("internal/conform/generate/vector", "internal/gateway/bearer")},
	{"internal/conform/generate", on("internal/catalog", "internal/conform/generate/credentials", "internal/conform/generate/datasets", "internal/conform/generate/deciding", "internal/conform/generate/kept", "internal/conform/generate/vector", "internal/conform/golden", "internal/conform/golden/input", "internal/evidence", "internal/sample")},
	{"internal/recording", on()},
	{"internal/running", on("internal/supervise")},
	{"internal/specgen", on("internal/catalog")},
	{"internal/docgen", on("internal/cli", "internal/gateway/api", "internal/cli/clierr", "internal/cli/cmdutil", "internal/config")},
	{"internal/docgen/gen", on("internal/docgen")},
	{"internal/agents", on("internal/history", "internal/identity", "internal/keyfile", "internal/repo")},
	{"internal/mcp/launcher", on()},
	{"internal/mcp/pin", on()},
	{"internal/mcp/awaited", on()},
	{"internal/mcp/session", on("internal/mcp/awaited", "internal/remedy")},
	{"internal/mcp/door", on()},
	{"internal/mcp/bridge", on("internal/mcp/door")},
	{"internal/mcp/wrap", on("internal/mcp/bridge", "internal/mcp/door", "internal/mcp/session")},
	{"internal/mcp/serve", on("internal/mcp/door", "internal/mcp/session")},
	{"internal/hook", on("internal/mcp/session")},
	{"internal/mcp/tasks", on("internal/mcp/serve", "internal/remedy", "internal/repo", "internal/spawn")},
	{"internal/mcp/inspect", on("internal/catalog", "internal/explain", "internal/history", "internal/mcp/serve", "internal/mcp/session", "internal/repo", "internal/show")},
	{"internal/cli/clierr", nil},
	{"internal/cli/...", on("internal/agents", "internal/calls", "internal/catalog", "internal/cli/clierr", "internal/cli/cmdutil", "internal/cluster", "internal/codebook", "internal/config", "internal/conform", "internal/datasets", "internal/engine", "internal/episodes", "internal/evidence", "internal/explain", "internal/gateway", "internal/gateway/api", "internal/gateway/bearer", "internal/history", "internal/hook", "internal/identity", "internal/indexes", "internal/issuer", "internal/keyfile", "internal/learn", "internal/lookup", "internal/mcp/launcher", "internal/mcp/pin", "internal/mcp/session", "internal/mcp/wrap", "internal/migrate", "internal/oidc", "internal/once", "internal/openlineage", "internal/overview", "internal/packets", "internal/peer", "internal/peer/auth", "internal/peer/codebooks", "internal/peer/parts", "internal/peer/tasks", "internal/peers", "internal/recording", "internal/remedy", "internal/remote", "internal/repo", "internal/show", "internal/task", "internal/toolbox", "internal/ui", "internal/upkeep", "internal/webhook", "internal/worker", "spec/vectors", "tools", "internal/trees")},
	{"internal/cli/datasetcmd", on("internal/cli/clierr", "internal/cli/cmdutil", "internal/cli/runcmd", "internal/datasets", "internal/episodes", "internal/lookup", "internal/repo", "internal/ui")},
	{"internal/cli/conformcmd", on("internal/cli/clierr", "internal/cli/cmdutil", "internal/conform", "internal/conform/pack", "internal/ui", "spec/vectors")},
	{"internal/cli", on("internal/cli/...", "internal/catalog", "internal/config", "internal/engine", "internal/identity", "internal/keyfile", "internal/lookup", "internal/overview", "internal/peers", "internal/remote", "internal/repo", "internal/supervise", "internal/ui")},
	{"internal/cli/hookcmd", on("internal/cli/clierr", "internal/cli/cmdutil", "internal/cli/mcpcmd", "internal/hook", "internal/remedy", "internal/repo")},
	{"internal/cli/mcpcmd", on("internal/agents", "internal/cli/clierr", "internal/cli/cmdutil", "internal/engine", "internal/identity", "internal/mcp/bridge", "internal/mcp/inspect", "internal/mcp/launcher", "internal/mcp/pin", "internal/mcp/serve", "internal/mcp/session", "internal/mcp/tasks", "internal/mcp/wrap", "internal/repo", "internal/toolbox")},
	{"cmd/...", []string{"internal/cli", "internal/cli/..."}},
	{"bench/...", []string{"*"}},
	{"examples/...", []string{"*"}},
	{"scripts/...", nil},
}

// only names the packages that may import a library that is used in one place only.
var only = map[string][]string{
	"github.com/spf13/cobra":                                      {"internal/cli", "internal/docgen", "bench"},
	"github.com/invopop/jsonschema":                               {"internal/docgen"},
	"github.com/spf13/viper":                                      {"internal/config"},
	"github.com/charmbracelet/lipgloss":                           {"internal/ui"},
	"github.com/dgraph-io/badger/v4":                              {"store/badger"},
	"github.com/jackc/pgx/v5":                                     {"store/postgres", "internal/pgtest"},
	"github.com/jackc/puddle/v2":                                  {"store/postgres"},
	"github.com/minio/minio-go/v7":                                {"store/bucket"},
	"github.com/tetratelabs/wazero":                               {"exec/wasm"},
	"github.com/vbauerster/mpb/v8":                                {"internal/ui"},
	"github.com/expr-lang/expr":                                   {"dataset/query"},
	"github.com/parquet-go/parquet-go":                            {"dataset/export"},
	"modernc.org/sqlite":                                          {"internal/recall", "bench/vectors"},
	"golang.org/x/mod/sumdb":                                      {"ledger/mlog", "ledger"},
	"github.com/oasisprotocol/curve25519-voi":                     {"object/sign"},
	"github.com/rogpeppe/go-internal":                             {"cmd/mythos", "internal/cli"},
	"github.com/standard-webhooks/standard-webhooks/libraries/go": {"internal/webhook"},
	"github.com/klauspost/compress/zstd":                          {"store", "packet", "internal/conform/generate/kept"},
	"filippo.io/age":                                              {"store", "packet", "internal/keyfile", "internal/packets"},
	"golang.org/x/crypto/ssh":                                     {"internal/keyfile", "store"},
	"go.yaml.in/yaml/v3":                                          {"internal", "object", "dataset", "model", "exec", "caps"},
	"github.com/fxamacker/cbor/v2":                                {"object", "bench"},
	"golang.org/x/sys/unix":                                       {"store", "internal", "exec"},
	"golang.org/x/term":                                           {"internal"},
	"github.com/mattn/go-runewidth":                               {"internal/ui"},
	"github.com/muesli/termenv":                                   {"internal/ui"},
	"golang.org/x/net/idna":                                       {"exec/httptool"},
	"golang.org/x/sync":                                           {"store", "dataset", "internal", "exec", "object", "ledger"},
	"pgregory.net/rapid":                                          {""},
	"github.com/dgraph-io/ristretto/v2":                           {"store/badger"},
	"github.com/klauspost/compress/s2":                            {},
	"github.com/klauspost/compress/gzip":                          {},
	"github.com/klauspost/compress/snappy":                        {},
	"go.opentelemetry.io/proto/otlp":                              {"dataset/ingest"},
	"github.com/coreos/go-oidc/v3":                                {"internal/oidc"},
	"github.com/go-jose/go-jose/v4":                               {"internal/oidc", "internal/oidctest"},
	"github.com/modelcontextprotocol/go-sdk":                      {"exec/mcptool", "dataset/ingest", "internal/mcp/serve"},
	"github.com/santhosh-tekuri/jsonschema":                       {"internal/jsonschema"},
}

func TestImportsPointDown(t *testing.T) {
	if seen := eachFile(t, func(file, pkg string, test bool) { checkFile(t, file, pkg, test) }); seen < 20 {
		t.Fatalf("only %d Go files found", seen)
	}
}

// eachFile visits every Go file of the module and returns how many there are.
func eachFile(t *testing.T, visit func(file, pkg string, test bool)) (seen int) {
	t.Helper()
	root := "../.."
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		seen++
		visit(file, path.Dir(filepath.ToSlash(rel)), strings.HasSuffix(rel, "_test.go"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func checkFile(t *testing.T, file, pkg string, test bool) {
	allowed, ruled := rule(pkg)
	if !ruled {
		t.Errorf("%s: package %s has no rule in internal/arch", file, pkg)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if inner, ok := strings.CutPrefix(imp, module); ok {
			if !test && inner != pkg && !matches(allowed, inner) {
				t.Errorf("%s: %s may not import %s", file, pkg, inner)
			}
			continue
		}
		if keeper, ok := keepers(imp); ok && !test && !slices.ContainsFunc(keeper, func(k string) bool { return within(pkg, k) }) {
			t.Errorf("%s: %s may only be imported by %v", file, imp, keeper)
		}
	}
}

// rule finds the most specific rule for a package.
func rule(pkg string) (allowed []string, ok bool) {
	if slices.Contains(leaves, pkg) {
		return leaves, true
	}
	longest := -1
	for _, r := range rooms {
		name, tree := strings.CutSuffix(r.name, "/...")
		if pkg == r.name || (tree && strings.HasPrefix(pkg, name+"/") && len(name) > longest) {
			if allowed, ok, longest = r.below, true, len(name); !tree {
				break // the room itself
			}
		}
	}
	if allowed != nil {
		allowed = append(slices.Clone(allowed), leaves...)
	}
	return allowed, ok
}

func matches(allowed []string, pkg string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		name, tree := strings.CutSuffix(a, "/...")
		return a == "*" || a == pkg || (tree && strings.HasPrefix(pkg, name+"/"))
	})
}

func keepers(imp string) ([]string, bool) {
	for lib, by := range only {
		if imp == lib || strings.HasPrefix(imp, lib+"/") {
			return by, true
		}
	}
	return nil, false
}

func within(pkg, room string) bool {
	return room == "" || pkg == room || strings.HasPrefix(pkg, room+"/")
}

// TestNoRoomImportsAll: every package of this module has a rule about its imports; only tools beside it, such as
// benchmarks, may import everything.
func TestNoRoomImportsAll(t *testing.T) {
	for _, r := range rooms {
		if slices.Contains(r.below, "*") && (strings.HasPrefix(r.name, "internal/") || strings.HasPrefix(r.name, "cmd/")) {
			t.Errorf("%s may import everything: name the rooms", r.name)
		}
	}
}

// TestRoomsStayApart checks that caps, ledger and packet never import one another.
func TestRoomsStayApart(t *testing.T) {
	apart := []string{"caps", "ledger", "packet"}
	for _, a := range apart {
		allowed, _ := rule(a)
		for _, b := range apart {
			if matches(allowed, b) {
				t.Errorf("%s may import %s", a, b)
			}
		}
	}
}
