//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
)

// enginesVar has the addresses of a PostgreSQL server and a bucket, in two lines: every
// `mythos init` of a new folder then makes a repository there.
const enginesVar = "MYTHOS_TEST_ENGINES"

// elsewhereThanEngines are the scripts that are about a database in the repository's folder, or about the clock of the machine.
var elsewhereThanEngines = map[string]string{
	"damaged.txtar":     "damages the files of the database",
	"blob_faults.txtar": "damages the files of chunks",
	"fsck.txtar":        "damages the files of chunks",
	"serve_local.txtar": "is about the local socket, which nobody needs there",
}

// engineScripts are those that every run of the tests runs over the engines.
var engineScripts = []string{"effect.txtar", "blob.txtar"}

// toEngines lets `mythos init` of a new folder make its repository in PostgreSQL and a bucket.
func toEngines(args []string) []string {
	where, chunks, ok := strings.Cut(os.Getenv(enginesVar), "\n")
	at := slices.Index(args, "init")
	if !ok || at < 0 || slices.Contains(args, "--new-database") || slices.Contains(args, "--store") || slices.Contains(args, "--help") {
		return args
	}
	dir := "."
	if last := args[len(args)-1]; last != "init" && !strings.HasPrefix(last, "-") && (at == len(args)-2 || args[len(args)-2] != "--name") {
		dir = last
	}
	if _, err := engine.ID(filepath.Join(dir, node.Folder)); err == nil {
		return args
	}
	name := "r" + strings.ToLower(rand.Text())
	conn, err := pgx.Connect(context.Background(), strings.Replace(where, "DATABASE", "postgres", 1))
	if err == nil {
		_, err = conn.Exec(context.Background(), "CREATE DATABASE "+name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ENGINES:", err)
		os.Exit(98)
	}
	_ = conn.Close(context.Background())
	return append(slices.Clone(args), "--accept-loss", "--store", strings.Replace(where, "DATABASE", name, 1), "--chunks", strings.Replace(chunks, "?", "/"+name+"?", 1))
}

// TestEngines runs scripts a second time, over PostgreSQL and a bucket, and those of testdata/engines. With
// MYTHOS_TEST_ALL_ENGINES all of them (`make engines`).
func TestEngines(t *testing.T) {
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	bucket := s3.Bucket(t)
	env := func(env *testscript.Env) {
		env.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
		env.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	}
	t.Run("own", func(t *testing.T) {
		runScriptsIn(t, testscript.Params{Dir: "testdata/engines"}, filepath.Join(t.TempDir(), "coverage"), func(e *testscript.Env) {
			env(e)
			e.Setenv("STORE", pg.Database(t))
			e.Setenv("STORE2", pg.Database(t))
			e.Setenv("EMPTY", pg.Database(t))
			e.Setenv("CHUNKS", s3.Bucket(t))
		})
	})
	var files []string
	if os.Getenv("MYTHOS_TEST_ALL_ENGINES") != "" {
		all, err := filepath.Glob("testdata/script/*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range all {
			if elsewhereThanEngines[filepath.Base(file)] == "" {
				files = append(files, file)
			}
		}
	} else if !testing.Short() {
		for _, name := range engineScripts {
			files = append(files, filepath.Join("testdata/script", name))
		}
	}
	if len(files) == 0 {
		return
	}
	t.Run("again", func(t *testing.T) {
		runScriptsIn(t, testscript.Params{Files: files}, filepath.Join(t.TempDir(), "coverage"), func(e *testscript.Env) {
			env(e)
			e.Setenv(enginesVar, pg.URL("DATABASE")+"\n"+bucket)
		})
	})
}
