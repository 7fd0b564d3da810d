package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// learned is a repository with everything that a training needs, made once by the real command line and copied for each
// test that uses it: episodes about some of the Go toolchain's files, labelled by the scorer, two datasets (@train,
// @test), the tool linear, @recipe, @suite, policies of ring 0 and 1 in force (@policy0, @policy1), and capabilities
// for all of it. Ids differ from run to run; which files are in which dataset, and what a model learns from them, does
// not.
type learned struct {
	name     string
	packages []string // of the toolchain, whose files are the evidence
	once     sync.Once
	err      error
}

var (
	learnedMuch   = &learned{name: "much", packages: []string{"sort", "strings", "sync", "path", "bufio"}}
	learnedLittle = &learned{name: "little", packages: []string{"path", "bufio"}} // for tests that verify it repeatedly
)

var learnedDir string // removed after all tests

// learnedTools makes the folder with the tools that these repositories name.
var learnedTools = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mythos-learned-")
	if err != nil {
		return "", err
	}
	learnedDir = dir
	for _, name := range []string{"linear", "scorer"} {
		if msg, err := osexec.Command("go", "build", "-o", filepath.Join(dir, name), "../../tools/"+name).CombinedOutput(); err != nil {
			return dir, fmt.Errorf("build %s: %w: %s", name, err, msg)
		}
	}
	return dir, nil
})

// run runs mythos in dir as a separate process, and returns its standard output.
func run(dir string, args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := osexec.Command(self, args...)
	cmd.Args[0] = "mythos"
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TESTSCRIPT_COMMAND=mythos")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("mythos %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

func (l *learned) make(dir string) error {
	repo := filepath.Join(dir, l.name)
	if err := os.Mkdir(repo, 0o755); err != nil {
		return err
	}
	calls, err := batchOfGoFiles(l.packages)
	if err != nil {
		return err
	}
	files := map[string]string{
		"calls.jsonl": calls,
		"train.yaml":  "corpus: [\"@corpus/train\"]\n", "test.yaml": "corpus: [\"@corpus/test\"]\n",
		"recipe.yaml": "code: linear\nlabel: test\nparams: {bits: 10}\n",
		"suite.yaml":  "code: linear\nlabel: test\ntests: \"@test\"\nmetrics: [accuracy_micro, balanced_accuracy_micro]\n",
	}
	for i := range 2 {
		files[fmt.Sprintf("policy%d.yaml", i)] = fmt.Sprintf("name: ring %d\nring: %d\nsuites: [\"@suite\"]\n"+
			"thresholds: [{metric: accuracy_micro, at_least: 100000}]\nquorum: 1\nverifiers: [self]\n", i, i)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"init --name lab", "tool add count --retry-safe --unconfined --process wc -c",
		"tool add scorer --retry-safe --unconfined --process " + filepath.Join(dir, "scorer"),
		"tool add linear --retry-safe --unconfined --process " + filepath.Join(dir, "linear"),
		"cap issue --scope tool.call:count,calls=1000 --ttl 24h", "cap issue --scope tool.call:scorer,calls=1000 --ttl 24h",
		"call count --batch calls.jsonl --capture",
		"corpus snapshot --tool count --part 2-3/3 --ref corpus/train", "corpus snapshot --tool count --part 1/3 --ref corpus/test",
		"score scorer",
		"dataset build train.yaml --ref train", "dataset build test.yaml --ref test",
		"recipe add recipe.yaml --ref recipe", "suite add suite.yaml --ref suite",
		"cap issue --scope train.run:@recipe,jobs=5 --ttl 24h", "cap issue --scope eval.run:@suite,runs=5 --ttl 24h",
		"policy add policy0.yaml --ref policy0", "policy set @policy0",
		"policy add policy1.yaml --ref policy1", "policy set @policy1",
		"cap issue --scope deploy.promote:0,policy=@policy0 --ttl 24h", "cap issue --scope deploy.promote:1,policy=@policy1 --ttl 24h",
	} {
		if _, err := run(repo, append([]string{"-q"}, strings.Fields(line)...)...); err != nil {
			return err
		}
	}
	return nil
}

// batchOfGoFiles describes a call for each file of some of the toolchain's packages.
func batchOfGoFiles(packages []string) (string, error) {
	var b strings.Builder
	root, err := osexec.Command("go", "env", "GOROOT").Output() // runtime.GOROOT is empty in builds without paths
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	for _, dir := range packages {
		paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", dir, "*.go"))
		if err != nil {
			return "", err
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				return "", err
			}
			line, err := json.Marshal(map[string]string{"key": p, "request": string(data[:min(len(data), 8<<10)])})
			if err != nil {
				return "", err
			}
			b.Write(append(line, '\n'))
		}
	}
	return b.String(), nil
}

// copyTo puts a copy of the repository into dir.
func (l *learned) copyTo(dir string) error {
	from, err := learnedTools()
	if err != nil {
		return err
	}
	if l.once.Do(func() { l.err = l.make(from) }); l.err != nil {
		return l.err
	}
	msg, err := osexec.Command("cp", "-a", filepath.Join(from, l.name)+"/.", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %w: %s", err, msg)
	}
	return nil
}

// learnedCmd is the script command "learned DIR".
func learnedCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: learned DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(learnedMuch.copyTo(dir))
}

// lab makes a copy of a repository for one test.
func lab(t *testing.T, l *learned) string {
	t.Helper()
	dir := t.TempDir()
	if err := l.copyTo(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// must runs mythos in dir.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := run(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
