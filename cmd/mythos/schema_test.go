package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/keyfile"
)

// schemasVar names the folder of the schemas for the processes of the tests, and coverVar the file in which each
// validated document leaves its command's name.
const (
	schemasVar = "TESTSCRIPT_SCHEMAS"
	coverVar   = "TESTSCRIPT_SCHEMA_COVERAGE"
)

// checkedMain is cli.Main, and with --json it validates the output of the command against its checked-in schema: every
// script also tests the schemas.
func checkedMain() int {
	keyfile.DefaultWork = 10 // internal/keyfile tests what is written otherwise
	dir := os.Getenv(schemasVar)
	if dir == "" || !slices.Contains(os.Args[1:], "--json") {
		return cli.MainAt(testClock())
	}
	out, errOut := tee(&os.Stdout), tee(&os.Stderr)
	code := cli.MainAt(testClock())
	if err := validateRun(dir, os.Args[1:], code, out(), errOut()); err != nil {
		fmt.Fprintln(os.Stderr, "SCHEMA:", err)
		return 99
	}
	return code
}

// tee passes on what is written to *f, and keeps a copy.
func tee(f **os.File) func() []byte {
	real := *f
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	*f = w
	var b bytes.Buffer
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.MultiWriter(real, &b), r)
		done <- err
	}()
	return func() []byte {
		w.Close()
		<-done
		*f = real
		return b.Bytes()
	}
}

func validateRun(dir string, args []string, code int, out, errOut []byte) error {
	f := cmdutil.New()
	c, _, err := cli.NewRoot(f).Find(args)
	if err != nil {
		return nil //nolint:nilerr // no command: nothing of it to validate
	}
	if o, ok := f.Output(c); ok && len(o.Types) > 0 && len(out) > 0 {
		if o.Form == cmdutil.FormDocument && bytes.Count(out, []byte("\n")) != 1 {
			return fmt.Errorf("%s: one document was declared, in one line: %s", c.CommandPath(), out)
		}
		if err := validateLines(dir, schemaName(c), out); err != nil {
			return err
		}
	}
	if code == 0 {
		return nil
	}
	for line := range bytes.Lines(errOut) { // notes may come before the error
		if bytes.HasPrefix(line, []byte(`{"error":`)) {
			return validateLines(dir, "mythos-error", line)
		}
	}
	return fmt.Errorf("%s: exit code %d without an error document: %s", c.CommandPath(), code, errOut)
}

func schemaName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func validateLines(dir, name string, lines []byte) error {
	schema, err := readSchema(filepath.Join(dir, name+".json"))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(lines) {
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, line)
		}
		if err := schema.Validate(v); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, line)
		}
	}
	return covered(name)
}

func readSchema(file string) (*jsonschema.Resolved, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

func covered(name string) error {
	f, err := os.OpenFile(os.Getenv(coverVar), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, name)
	return errors.Join(err, f.Close())
}

// elsewhere are the commands that no script runs, and why.
var elsewhere = map[string]string{
	"mythos conformance":    "needs a conformance pack",
	"mythos join":           "needs a server; testdata/engines does it",
	"mythos cluster status": "needs PostgreSQL: testdata/engines has it",
	"mythos tool build":     "compiles Go's library for WASI, which takes minutes where it was never done; `quickstart --full` does it",
}

// uncovered lists the commands with a schema that no script has run with --json.
func uncovered(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		seen[sc.Text()] = true
	}
	f := cmdutil.New()
	var missing []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if o, ok := f.Output(c); ok && len(o.Types) > 0 && !seen[schemaName(c)] && elsewhere[c.CommandPath()] == "" {
			missing = append(missing, c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(cli.NewRoot(f))
	return missing, nil
}

// TestValidatorRefuses shows that the validation of the scripts can fail.
func TestValidatorRefuses(t *testing.T) {
	t.Setenv(coverVar, filepath.Join(t.TempDir(), "coverage"))
	good, err := json.Marshal(cmdutil.OK{OK: true})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--json"}
	if err := validateRun(schemaDir(t), args, 0, append(good, '\n'), nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"{}\n", `{"ok":"yes"}` + "\n", `{"ok":true,"more":1}` + "\n", "ok\n", `{"ok":true}` + "\n" + `{"ok":true}` + "\n"} {
		if err := validateRun(schemaDir(t), args, 0, []byte(bad), nil); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
	if err := validateRun(schemaDir(t), args, 5, nil, []byte("mythos: no document\n")); err == nil {
		t.Error("a failure without an error document passed")
	}
}

func schemaDir(t testing.TB) string {
	dir, err := filepath.Abs("../../schemas")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
