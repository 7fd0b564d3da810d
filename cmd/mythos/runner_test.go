package main

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/internal/oidctest"
)

// fleet is a server, an issuer of identity tokens, and runners with empty disks.
type fleet struct {
	t              *testing.T
	is             *oidctest.Issuer
	bin, dir       string
	url, key       string
	runner         int
	deploys, ready string // files: one has a line for each deploy, the other says whether the one under way may end
}

const runnersPolicy = `rules:
  - name: github
    oidc: {issuer: "ISSUER", claims: {repository: acme/shop, environment: production}}
    scope: tool.call
    limits: {calls: 1}
    ttl: 10m
  - name: gitlab
    oidc: {issuer: "ISSUER", claims: {project_path: acme/shop}, audience: mythos.example}
    scope: tool.call
    limits: {calls: 1}
    ttl: 10m
`

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, is: oidctest.Start(t), bin: mythosOnPath(t), dir: t.TempDir()}
	f.deploys, f.ready = filepath.Join(f.dir, "deploys"), filepath.Join(f.dir, "ready")
	policy := filepath.Join(f.dir, "policy.yaml")
	f.write(policy, strings.ReplaceAll(runnersPolicy, "ISSUER", f.is.URL))
	far := sites(t, "far")[0]
	far.run("cap", "policy", "set", policy)
	far.serve("--listen", "127.0.0.1:0")
	f.url, f.key = far.url, far.key
	f.write(filepath.Join(f.dir, "deploy.sh"), fmt.Sprintf("#!/bin/sh\necho began >> %s\nwhile [ ! -e %s ]; do sleep 0.05; done\necho deployed\n", f.deploys, f.ready))
	t.Cleanup(func() { f.write(f.ready, "") }) // whatever still waits for it ends
	return f
}

func (f *fleet) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

// job is a command on a new runner, in a separate process group.
func (f *fleet) job(name string, env ...string) *osexec.Cmd {
	f.t.Helper()
	f.runner++
	disk := filepath.Join(f.dir, fmt.Sprint("runner", f.runner))
	if err := os.Mkdir(disk, 0o755); err != nil {
		f.t.Fatal(err)
	}
	cmd := osexec.Command("bash", name)
	cmd.Dir, cmd.SysProcAttr = disk, &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append([]string{"PATH=" + f.bin + ":" + os.Getenv("PATH"), "HOME=" + disk, "TESTSCRIPT_COMMAND=mythos", "MYTHOS_LEASE=3s"}, env...)
	return cmd
}

// github is a run of the action in a GitHub Actions job.
func (f *fleet) github(tool, key string, more ...string) *osexec.Cmd {
	f.t.Helper()
	script, err := filepath.Abs("../../.github/actions/call/run.sh")
	if err != nil {
		f.t.Fatal(err)
	}
	return f.job(script, append([]string{"DIR=.", "URL=" + f.url, "SERVER=" + f.key, "TOOL=" + tool, "KEY=" + key, "COMMAND=../deploy.sh production",
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + f.is.URL + "/token?x=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + f.is.Runner}, more...)...)
}

// gitlab is a run of the template's script in a GitLab job.
func (f *fleet) gitlab(tool, key string) *osexec.Cmd {
	f.t.Helper()
	data, err := os.ReadFile("../../.github/gitlab/call.gitlab-ci.yml")
	if err != nil {
		f.t.Fatal(err)
	}
	var template map[string]struct {
		Script []string
		Tokens map[string]struct{ Aud string } `yaml:"id_tokens"`
	}
	if err := yaml.Unmarshal(data, &template); err != nil {
		f.t.Fatal(err)
	}
	job := template[".mythos-call"]
	if len(job.Script) < 5 || job.Tokens["LEDGER_TOKEN"].Aud != "$LEDGER_AUDIENCE" {
		f.t.Fatalf("the template has %+v", job)
	}
	script := filepath.Join(f.dir, "gitlab.sh")
	f.write(script, "set -eo pipefail\n"+strings.Join(job.Script, "\n")+"\n")
	c := f.is.Claims("mythos.example", time.Now())
	c["project_path"] = "acme/shop"
	return f.job(script, "LEDGER_URL="+f.url, "LEDGER_KEY="+f.key, "LEDGER_TOKEN="+f.is.Token("rsa", c), "TOOL="+tool, "KEY="+key, "COMMAND=../deploy.sh production")
}

// began returns how many deploys began.
func (f *fleet) began() int {
	text, err := os.ReadFile(f.deploys)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	return strings.Count(string(text), "began\n")
}

// killed starts a job and kills all of it when its deploy is under way.
func (f *fleet) killed(cmd *osexec.Cmd) {
	f.t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	before := f.began()
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for f.began() == before {
		select {
		case err := <-ended:
			f.t.Fatalf("the job ended before it deployed: %v\n%s", err, out.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		f.t.Fatal(err)
	}
	<-ended
}

// TestRunners: runners with empty disks and no secrets deploy once for a key. One that is killed in the middle leaves
// an unknown outcome; the next one is told so, and deploys only what is retry-safe.
func TestRunners(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.write(f.ready, "")
	for i, cmd := range []*osexec.Cmd{f.github("deploy", "commit-1"), f.github("deploy", "commit-1"), f.gitlab("deploy", "commit-1"), f.gitlab("deploy", "commit-2")} {
		if out, err := cmd.CombinedOutput(); err != nil || f.began() != []int{1, 1, 1, 2}[i] {
			t.Fatalf("runner %d: %v, %d deploys\n%s", i+1, err, f.began(), out)
		}
	}
	for _, c := range []struct {
		name, safe string
		code       int
	}{{"deploy", "false", 4}, {"safe", "true", 0}} {
		if err := os.Remove(f.ready); err != nil {
			t.Fatal(err)
		}
		before := f.began()
		f.killed(f.github(c.name, "killed", "RETRY_SAFE="+c.safe))
		f.write(f.ready, "")
		for range 2 {
			cmd := f.github(c.name, "killed", "RETRY_SAFE="+c.safe)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != c.code || c.code != 0 && !strings.Contains(string(out), "may or may not have happened") {
				t.Fatalf("%s: %v\n%s", c.name, err, out)
			}
		}
		again := 0
		if c.code == 0 {
			again = 1
		}
		if f.began() != before+1+again {
			t.Errorf("%s: %d deploys began", c.name, f.began()-before)
		}
	}
	// A job of another repository gets nothing.
	f.is.Job = func() oidctest.Claims {
		c := f.is.Claims("", time.Now())
		c["repository"] = "evil/shop"
		return c
	}
	before := f.began()
	cmd := f.github("deploy", "another")
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 4 || f.began() != before || !strings.Contains(string(out), "repository") {
		t.Errorf("another repository: exit code %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
}
