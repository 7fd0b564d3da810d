package config

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// repository returns a folder with these settings, for an account without its own settings.
func repository(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	for _, s := range Settings() {
		t.Setenv(s.Variable(), "")
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// refusals are settings files, each with the parts that its error must have.
var refusals = map[string][]string{
	"require_cap: yes\n":                   {"line 1", "require_cap", `"yes"`, "true or false"},
	"# a comment\npeer_cap: on\n":          {"line 2", "peer_cap"},
	"capture: \"true\"\n":                  {"line 1", "quotes"},
	"capture: 1\n":                         {"line 1", "capture"},
	"require_cap:\n":                       {"line 1", "no value"},
	"require_cap: [true]\n":                {"line 1", "list"},
	"require_cap: &x true\nredact: *x\n":   {"line 2", "alias"},
	"lease: 1m\nrequire-cap: true\n":       {"line 2", "did you mean require_cap"},
	"Require_Cap: true\n":                  {"line 1", "did you mean require_cap"},
	"captuer: true\n":                      {"did you mean capture"},
	"safe_directories: /\n":                {"user's own settings"},
	"wholly_else: 1\n":                     {"the settings are approval_expire, approval_wait, approval_webhook, approval_webhook_request, approval_webhook_secret, at, busy, capture"},
	"lease: 60\n":                          {"line 1", "no unit"},
	"lease: -3s\n":                         {"lease", "not a duration"},
	"lease: 0s\n":                          {"more than 0s"},
	"timeout: soon\n":                      {"timeout", "not a duration"},
	"lease: 5 minutes\n":                   {"lease"},
	"peer_rate: fast\n":                    {"peer_rate", "not a number"},
	"peer_rate: .nan\n":                    {"peer_rate"},
	"peer_rate: 0\n":                       {"peer_rate", "more than 0"},
	"peer_tasks: 1.5\n":                    {"peer_tasks"},
	"peer_tasks: 010\n":                    {"peer_tasks"},
	"peer_tasks: 0\n":                      {"1 or more"},
	"peer_bytes: 3\n":                      {"64KiB"},
	"peer_bytes: much\n":                   {"peer_bytes", "size"},
	"listen: nowhere\n":                    {"listen", "address"},
	"redact: [a]\n":                        {"redact", "list"},
	"redact: {a: b}\n":                     {"redact"},
	"redact: true\n":                       {"redact", "not a text"},
	"lease: 1m\nlease: 2m\n":               {"line 2", "twice"},
	"lease: 1m\n---\nlease: 2m\n":          {"more than one YAML document"},
	"- lease\n":                            {"line 1", "lease: 1m"},
	"lease\n":                              {"line 1"},
	"? [a]\n: b\n":                         {"expected a name"},
	"{\n":                                  {"yaml"},
	"key: not-a-key-in-clear\nlease: 60\n": {"no unit"},
}

// TestRefusals: a settings file that is not completely understood is refused, and the error says where.
func TestRefusals(t *testing.T) {
	for text, parts := range refusals {
		dir := repository(t, text)
		c, err := Load(dir)
		if !errors.Is(err, ErrSetting) {
			t.Errorf("%q is taken: %+v, %v", text, c, err)
			continue
		}
		for _, part := range append(parts, filepath.Join(dir, File)) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: the error lacks %q: %v", text, part, err)
			}
		}
	}
}

func TestOrder(t *testing.T) {
	dir := repository(t, "\ufefflease: 2m\r\nrequire_cap: True\r\npeer_bytes: 10MiB\r\npeer_rate: 1e2\r\nbusy: 0s\r\n")
	user := filepath.Join(os.Getenv("HOME"), ".config", "mythos")
	if err := os.MkdirAll(user, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(user, File), []byte("lease: 3m\ntimeout: 1d12h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MYTHOS_PEER_BYTES", "1MiB")
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Lease != 2*time.Minute || c.Timeout != 36*time.Hour || !c.RequireCap || c.PeerBytes != "1MiB" || c.PeerRate != 100 || c.Busy != 0 || c.PeerTasks != 16 {
		t.Fatalf("%+v", c)
	}
	if none, err := Load(""); err != nil || none.Lease != 3*time.Minute || none.Listen != "127.0.0.1:7480" {
		t.Fatalf("without a repository: %+v, %v", none, err)
	}
}

func TestVariables(t *testing.T) {
	good := []string{"MYTHOS_LEASE=1h30m", "MYTHOS_REQUIRE_CAP=", "MYTHOS_DIR=/x", "MYTHOS_KEY_PASSPHRASE=p", "MYTHOS=elsewhere", "PATH=/bin", "MYTHOS_TEST_ANY=1",
		"MYTHOS_SERVICE_HOST=10.0.0.1", "MYTHOS_SERVICE_PORT=1", "MYTHOS_SERVICE_PORT_HTTP=1", "MYTHOS_PORT=tcp://10.0.0.1:7480", "MYTHOS_PORT_7480_TCP_ADDR=10.0.0.1",
		"MYTHOS_LEDGER_SERVICE_HOST=10.0.0.2", "MYTHOS_LEDGER_PORT_80_TCP=x"}
	values, err := environment(good)
	if err != nil || len(values) != 1 || values["lease"] != 90*time.Minute {
		t.Fatal(values, err)
	}
	for _, bad := range []string{"MYTHOS_REQIRE_CAP=true", "MYTHOS_REQUIRE_CAP=1", "MYTHOS_REQUIRE_CAP=yes", "MYTHOS_LEASE=60", "MYTHOS_PEER_RATE=0", "MYTHOS_require_cap=true", "MYTHOS_=1"} {
		name, _, _ := strings.Cut(bad, "=")
		if _, err := environment([]string{bad}); !errors.Is(err, ErrSetting) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestSecretsAreNotShown: no error contains the value of a secret setting.
func TestSecretsAreNotShown(t *testing.T) {
	s, known := lookup("key")
	if !known || !s.Secret || strings.Contains(s.wrong("file", "key", "very-secret", errors.New("is wrong")).Error(), "very-secret") {
		t.Fatal(s)
	}
}

// TestUserSettingsOutOfReach: an account whose home is not a folder has no settings.
func TestUserSettingsOutOfReach(t *testing.T) {
	dir := repository(t, "lease: 2m\n")
	t.Setenv("HOME", "/dev/null")
	c, err := Load(dir)
	if err != nil || c.Lease != 2*time.Minute || len(c.Notes) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := os.Remove(filepath.Join(dir, File)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, File), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil {
		t.Fatal("settings of the repository that cannot be read are taken for none")
	}
}

// TestTemplate: in the settings file of a new repository, each line about a setting with a default is that setting.
func TestTemplate(t *testing.T) {
	lines, defaults := 0, 0
	for _, s := range settings {
		if s.Default != "" && !s.Secret {
			defaults++
		}
	}
	for _, line := range strings.Split(Template(), "\n") {
		if text, found := strings.CutPrefix(line, "# "); found && !strings.HasPrefix(text, "Settings") && !strings.Contains(text, ":  ") {
			lines++
			if _, err := parseFile("template", []byte(text)); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	if lines != defaults {
		t.Errorf("%d settings of %d", lines, defaults)
	}
	if _, err := parseFile("template", []byte(Template())); err != nil {
		t.Error(err)
	}
}

// TestEveryVariableIsKnown: a variable that the program reads but this package does not know would be refused whenever
// it is set.
func TestEveryVariableIsKnown(t *testing.T) {
	name := regexp.MustCompile(`^MYTHOS_[A-Z0-9_]+$`)
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "../.." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || filepath.Base(filepath.Dir(path)) == "config" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || !name.MatchString(text) {
				return true
			}
			found++
			if _, err := environment([]string{text + "="}); err != nil || !known(text) {
				t.Errorf("%s: the variable %s is not in internal/config/environment.go", path, text)
			}
			return true
		})
		return nil
	})
	if err != nil || found < 10 {
		t.Fatal(found, err)
	}
}

func known(name string) bool {
	s, setting := lookup(strings.ToLower(strings.TrimPrefix(name, prefix)))
	return (setting && s.Variable() == name) || otherVariable(name)
}
