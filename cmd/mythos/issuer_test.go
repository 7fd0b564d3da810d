package main

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/internal/oidctest"
)

// issuers are those that scripts started, by their URLs.
var issuers sync.Map

// issuer starts an issuer of identity tokens, which ends with the script. ISSUER is its URL; the script is a job that
// may ask it for tokens like a GitHub job.
func issuer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: issuer")
	}
	is, stop := oidctest.New()
	issuers.Store(is.URL, is)
	ts.Defer(func() {
		issuers.Delete(is.URL)
		stop()
	})
	ts.Setenv("ISSUER", is.URL)
	ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", is.URL+"/token?api-version=2.0")
	ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", is.Runner)
}

// token writes a token of the script's issuer for an audience to a file.
func token(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: token file audience [claim=text]...")
	}
	is, ok := issuers.Load(ts.Getenv("ISSUER"))
	if !ok {
		ts.Fatalf("there is no issuer: `issuer` starts one")
	}
	from := is.(*oidctest.Issuer)
	c := from.Claims(args[1], time.Now())
	for _, claim := range args[2:] {
		name, value, _ := strings.Cut(claim, "=")
		c[name] = value
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(from.Token("rsa", c)+"\n"), 0o600))
}
