package process

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
)

func TestDeniedPath(t *testing.T) {
	for said, want := range map[string]string{
		"cat: /data/x.csv: Permission denied":                                                "/data/x.csv",
		"/usr/bin/cat: /data/x.csv: Permission denied":                                       "/data/x.csv",
		"fatal: could not open '/dev/tty' for reading: Permission denied":                    "/dev/tty",
		"error:8000000D:system library:BIO_new_file:Permission denied:fopen(/etc/a.cnf, rb)": "/etc/a.cnf",
		"PermissionError: [Errno 13] Permission denied: '/srv/in.json'":                      "/srv/in.json",
		"Error: EACCES: permission denied, open '/srv/in.json'":                              "/srv/in.json",
		"open /srv/in.json: permission denied":                                               "/srv/in.json",
		"first line\nsh: 1: cannot create /srv/out: Permission denied\nlast":                 "/srv/out",
		"all is well with /srv/in.json":                                                      "",
	} {
		if got := deniedPath(said); got != want {
			t.Errorf("%s: %q", said, got)
		}
	}
}

func TestAdvice(t *testing.T) {
	ref := exec.ModuleRef{Confinement: exec.ConfineLandlock, Read: []string{"/usr"}}
	for path, want := range map[string]string{"/srv/x": "--read /srv/x", "/usr/x": "--write /usr"} {
		if got := advice(ref, "open "+path+": permission denied"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	ref.Confinement = exec.ConfineNone
	if got := advice(ref, "open /srv/x: permission denied"); got != "" {
		t.Errorf("unconfined: %s", got)
	}
}

// Values of the variables in a registration do not get into receipts, however a program encodes them.
func TestHiding(t *testing.T) {
	const secret = `s3cr3t "&/+ value`
	r := &Runner{Lookup: func(name string) (string, bool) {
		return map[string]string{"TOKEN": secret, "PATH": "/usr/bin"}[name], true
	}}
	hide := r.Hiding(exec.ModuleRef{Env: []string{"TOKEN", "PATH"}})
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(url.PathEscape(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))), html.EscapeString(secret), string(quoted[1 : len(quoted)-1]),
	} {
		if got := hide("x " + form + " y"); got != "x [TOKEN] y" {
			t.Errorf("%s: %s", form, got)
		}
	}
	for i := range 4 { // at any offset of a longer text
		text := base64.StdEncoding.EncodeToString([]byte("user:"[:i] + secret + "; and more"))
		if got := hide(text); !strings.Contains(got, "[TOKEN]") || strings.Contains(got, text[6:14]) {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := hide("in /usr/bin"); got != "in /usr/bin" {
		t.Errorf("%s", got)
	}
}

func TestScriptOf(t *testing.T) {
	for line, want := range map[string]int{
		"/bin/sh s": 1, "/bin/sh -e s": 2, "/bin/sh -c s": 0, "/bin/bash -o pipefail s": 2, "/usr/bin/python3.12 s": 1, "/usr/bin/python3 -u s a": 2,
		"/usr/bin/python3 -c s": 0, "/usr/bin/node --enable-source-maps s": 2, "/usr/bin/node -e s": 0, "/usr/bin/cat s": 0, "/bin/sh": 0,
	} {
		if got := scriptOf(strings.Fields(line)[0], strings.Fields(line)); got != want {
			t.Errorf("%s: %d", line, got)
		}
	}
}
