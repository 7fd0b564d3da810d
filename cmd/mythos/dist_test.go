package main

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestReleaseNamesWhatIsThere checks .goreleaser.yaml as far as possible without goreleaser: the files for archives and
// packages exist. `make release-check` does the rest.
func TestReleaseNamesWhatIsThere(t *testing.T) {
	data, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		Src string `yaml:"src"`
	}
	var c struct {
		Version int
		Builds  []struct {
			Main    string
			Ldflags []string
		}
		Nfpms []struct{ Contents []file }
		Sboms []struct{ Cmd string }
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if c.Version != 2 || len(c.Builds) != 1 || len(c.Nfpms) != 1 || len(c.Nfpms[0].Contents) < 5 {
		t.Fatalf("%+v", c)
	}
	for _, name := range []string{"version", "commit"} {
		flag := "-X github.com/mythos-project/mythos/internal/cli/repocmd." + name + "="
		if !strings.Contains(strings.Join(c.Builds[0].Ldflags, "\n"), flag) {
			t.Errorf("a release does not set %s: no ldflag %s", name, flag)
		}
	}
	paths := []string{c.Builds[0].Main, "scripts/sbom.sh"}
	for _, f := range c.Nfpms[0].Contents {
		paths = append(paths, f.Src)
	}
	for _, p := range paths {
		if found, err := filepath.Glob(filepath.Join("../..", p)); err != nil || len(found) == 0 {
			t.Errorf("%s: nothing there (%v)", p, err)
		}
	}
}

// TestActions runs the steps of the GitHub actions as a job would, retries included.
func TestActions(t *testing.T) {
	t.Parallel()
	bin, dir := mythosOnPath(t), t.TempDir()
	action := func(name string, env ...string) (string, error) {
		script, err := filepath.Abs("../../.github/actions/" + name + "/run.sh")
		if err != nil {
			t.Fatal(err)
		}
		cmd := osexec.CommandContext(t.Context(), script)
		cmd.Dir = dir
		cmd.Env = append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "TESTSCRIPT_COMMAND=mythos", "DIR=.",
			"MYTHOS_KEY=" + strings.Repeat("ab", 32), "GITHUB_OUTPUT=" + filepath.Join(dir, "output")}, env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	files := map[string]string{
		"deploy.sh": "#!/bin/sh\necho deployed >> " + filepath.Join(dir, "deployments") + "\n",
		"plan.json": "{}\n", "train.yaml": "corpus: [\"@corpus/all\"]\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if out, err := action("call", "TOOL=deploy", "COMMAND=./deploy.sh", "KEY=commit-1", "IN=plan.json"); err != nil {
			t.Fatal(err, out)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "deployments")); err != nil || string(text) != "deployed\n" {
		t.Errorf("deployed %q times (%v)", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "output")); err != nil || strings.Count(string(text), "receipt=") != 2 || !strings.Contains(string(text), "replayed=true") {
		t.Errorf("outputs %q (%v)", text, err)
	}
	must(t, dir, "-q", "corpus", "snapshot", "--ref", "corpus/all")
	out, err := action("dataset", "DEFINITION=train.yaml", "OUT=data")
	if err != nil || !strings.Contains(out, "manifest=") {
		t.Fatal(err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
		t.Error(err, out)
	}
}
