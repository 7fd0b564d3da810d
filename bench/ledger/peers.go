//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	sqlite1     = "SQLite, 1 caller"
	sqliteBatch = "SQLite, one writer in batches of 64"
	postgres1   = "PostgreSQL, 1 caller"
	postgres64  = "PostgreSQL, 64 callers"
)

// peers returns the installed ones: Debian's sqlite3 and postgresql.
func peers() (list []row) {
	if _, err := exec.LookPath("sqlite3"); err == nil {
		list = append(list,
			row{sqlite1, func(ctx context.Context, _ options, dir string) (figure, error) { return sqlite(ctx, dir, 3000, 1) }},
			row{sqliteBatch, func(ctx context.Context, _ options, dir string) (figure, error) { return sqlite(ctx, dir, 30_000, 64) }})
	}
	if bin := postgresBin(); bin != "" {
		list = append(list,
			row{postgres1, func(ctx context.Context, o options, dir string) (figure, error) {
				return postgres(ctx, o, dir, bin, 1)
			}},
			row{postgres64, func(ctx context.Context, o options, dir string) (figure, error) {
				return postgres(ctx, o, dir, bin, 64)
			}})
	}
	return list
}

// sqlite inserts rows through the sqlite3 shell, together in a transaction, in WAL mode with a sync for each
// (synchronous=FULL).
func sqlite(ctx context.Context, dir string, rows, together int) (figure, error) {
	var script strings.Builder
	script.WriteString("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE e (k TEXT PRIMARY KEY, v BLOB);\n")
	for i := range rows {
		if i%together == 0 && together > 1 {
			script.WriteString("BEGIN;\n")
		}
		fmt.Fprintf(&script, "INSERT INTO e VALUES ('%064x', zeroblob(400));\n", i*7919)
		if (i+1)%together == 0 && together > 1 {
			script.WriteString("COMMIT;\n")
		}
	}
	if rows%together != 0 {
		script.WriteString("COMMIT;\n")
	}
	cmd := exec.CommandContext(ctx, "sqlite3", "-bail", filepath.Join(dir, "e.db"))
	cmd.Stdin = strings.NewReader(script.String())
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return figure{}, fmt.Errorf("%w: %s", err, out)
	}
	return figure{rate: float64(rows) / time.Since(begin).Seconds()}, nil
}

// postgresBin returns the folder of PostgreSQL's programs, of the newest installed version.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// postgres measures pgbench on a fresh cluster over a socket, with the settings that
// initdb gives (fsync and synchronous_commit are on).
func postgres(ctx context.Context, o options, dir, bin string, callers int) (_ figure, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return figure{}, err
	}
	data := filepath.Join(dir, "pg")
	script := filepath.Join(dir, "insert.sql")
	text := "INSERT INTO e VALUES (gen_random_uuid(), convert_to(repeat('x', 400), 'UTF8'));\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return figure{}, err
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return figure{}, err
	}
	if out, err := asPostgres(ctx, bin, "initdb", "-D", data, "-A", "trust"); err != nil {
		return figure{}, fmt.Errorf("%w: %s", err, out)
	}
	if out, err := asPostgres(ctx, bin, "pg_ctl", "-w", "-D", data, "-l", filepath.Join(dir, "pg.log"),
		"-o", "-k "+dir+" -c listen_addresses='' -c max_connections=200", "start"); err != nil {
		return figure{}, fmt.Errorf("%w: %s", err, out)
	}
	defer func() {
		_, stop := asPostgres(context.WithoutCancel(ctx), bin, "pg_ctl", "-w", "-D", data, "-m", "fast", "stop")
		err = errors.Join(err, stop)
	}()
	if out, err := asPostgres(ctx, bin, "psql", "-h", dir, "-c", "CREATE TABLE e (k uuid PRIMARY KEY, v bytea)", "postgres"); err != nil {
		return figure{}, fmt.Errorf("%w: %s", err, out)
	}
	out, err := asPostgres(ctx, bin, "pgbench", "-n", "-h", dir, "-c", strconv.Itoa(callers), "-j", strconv.Itoa(min(callers, 2)),
		"-T", strconv.Itoa(max(1, int(o.seconds.Seconds()))), "-M", "prepared", "-f", script, "postgres")
	m := tps.FindStringSubmatch(out)
	if err != nil || m == nil {
		return figure{}, fmt.Errorf("%w: %s", errors.Join(err, errors.New("pgbench")), out)
	}
	rate, err := strconv.ParseFloat(m[1], 64)
	return figure{rate: rate}, err
}

// asPostgres runs one of its programs, which refuse to run as root.
func asPostgres(ctx context.Context, bin, program string, args ...string) (string, error) {
	args = append([]string{filepath.Join(bin, program)}, args...)
	if os.Geteuid() == 0 {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	return string(out), err
}
