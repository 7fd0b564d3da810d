package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"     // the driver "sqlite"
	_ "modernc.org/sqlite/vec" // sqlite-vec, in it

	"github.com/mythos-project/mythos/internal/vector"
	"github.com/mythos-project/mythos/tools/wordvec"
)

// besideSQLite searches for the same neighbours with sqlite-vec and with an exact search.
func besideSQLite(dir string, m *model) (err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "vec.db")+"?_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE VIRTUAL TABLE v USING vec0(e float[256] distance_metric=cosine)"); err != nil {
		return err
	}
	b := vector.NewBuilder(dim, *sqlite)
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	for i := range *sqlite {
		v := m.next()
		if err := b.Add(v); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO v (rowid, e) VALUES (?, ?)", i, bytesOf(v)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	x, err := b.Build(context.Background(), *sqlite)
	if err != nil {
		return err
	}
	var ours, theirs []time.Duration
	same := 0
	for _, q := range m.vectors(*queries) {
		var near []vector.Neighbour
		ours = append(ours, timed(func() { near, err = x.Exact(q, k) }))
		if err != nil {
			return err
		}
		var rows []int
		theirs = append(theirs, timed(func() { rows, err = asks(db, q) }))
		if err != nil {
			return err
		}
		for i, n := range near {
			if i < len(rows) && rows[i] == n.Row {
				same++
			}
		}
	}
	fmt.Printf("%d vectors in sqlite-vec: %v a search, exact here %v: %.1f times as long; the same row in %d of %d places\n",
		*sqlite, median(theirs), median(ours), ratio(theirs, ours), same, k**queries)
	return nil
}

func asks(db *sql.DB, q []float32) (list []int, err error) {
	rows, err := db.Query("SELECT rowid FROM v WHERE e MATCH ? AND k = ? ORDER BY distance", bytesOf(q), k)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row int
		if err := rows.Scan(&row); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

func bytesOf(v []float32) []byte {
	out := make([]byte, 0, 4*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

var errEnough = errors.New("enough")

// goSources embeds pieces of three lines of the toolchain's sources; asked are pieces that begin one line later, and
// share two lines with a known piece.
func goSources(n, ask int) (known, asked [][]float32, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, nil, err
	}
	err = filepath.WalkDir(strings.TrimSpace(string(root)), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Split(string(text), "\n")
		for i := 0; i+4 <= len(lines); i += 3 {
			if len(known) == n {
				return errEnough
			}
			v := wordvec.Embed([]byte(strings.Join(lines[i:i+3], "\n")))
			known = append(known, v[:])
			if len(known)%(n/ask+1) == 0 {
				v = wordvec.Embed([]byte(strings.Join(lines[i+1:i+4], "\n")))
				asked = append(asked, v[:])
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return known, asked, err
}
