// Package recall is the instant layer of adaptation: a full-text index over episodes. It finds an episode as soon as it
// was added, and no longer once that is rolled back. It is an SQLite file (FTS5, BM25), made only from the list of its
// episodes. Its state and its contents change in one transaction, and a file that is lost or behind is brought up to
// date (spec/learning.md#index).
package recall

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Doc is the text of an episode.
type Doc struct{ Request, Response string }

// Index is an open index. It is safe for concurrent use, and several processes may open the same file.
type Index struct{ db *sql.DB }

// version changes with the tables; a file of another version is rebuilt.
const version = 1

const schema = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS episode (id TEXT PRIMARY KEY, num INTEGER NOT NULL UNIQUE);
CREATE VIRTUAL TABLE IF NOT EXISTS doc USING fts5(request, response, tokenize = "unicode61 tokenchars '_'");
CREATE VIRTUAL TABLE IF NOT EXISTS term USING fts5vocab(doc, 'row');
PRAGMA user_version = 1;`

// Open opens the index in a file, which is created if it is missing. It waits at most busy for another process that is
// writing.
func Open(ctx context.Context, path string, busy time.Duration) (*Index, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		fmt.Sprintf("?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate", busy.Milliseconds())
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	x := &Index{db}
	if err := x.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("index %s: %w", path, err), db.Close())
	}
	return x, nil
}

func (x *Index) prepare(ctx context.Context) error {
	var have int
	if err := x.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil || have == version {
		return err
	}
	if have > version {
		return fmt.Errorf("its version is %d, this program knows %d", have, version)
	}
	_, err := x.db.ExecContext(ctx, "BEGIN IMMEDIATE;"+schema+"COMMIT;")
	return err
}

// Close closes the file.
func (x *Index) Close() error { return x.db.Close() }

// At returns the state of the index: the state of the last Sync, or "".
func (x *Index) At(ctx context.Context) (string, error) {
	var at string
	err := x.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'state'").Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return at, err
}

// Sync brings the index to a state in which it holds exactly the episodes ids, in one transaction. load is called for
// new ones.
func (x *Index) Sync(ctx context.Context, state string, ids []string, load func(id string) (Doc, error)) (err error) {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	gone, err := held(ctx, tx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, here := gone[id]; here {
			delete(gone, id)
			continue
		}
		d, err := load(id)
		if err != nil {
			return err
		}
		if err := insert(ctx, tx, id, d); err != nil {
			return err
		}
	}
	for id, doc := range gone {
		if err := remove(ctx, tx, id, doc); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES ('state', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", state); err != nil {
		return err
	}
	return tx.Commit()
}

// held returns the contents of the index: row numbers by episode.
func held(ctx context.Context, tx *sql.Tx) (map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, num FROM episode")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := map[string]int64{}
	for rows.Next() {
		var id string
		var doc int64
		if err := rows.Scan(&id, &doc); err != nil {
			return nil, err
		}
		list[id] = doc
	}
	return list, rows.Err()
}

func insert(ctx context.Context, tx *sql.Tx, id string, d Doc) error {
	res, err := tx.ExecContext(ctx, "INSERT INTO doc (request, response) VALUES (?, ?)", d.Request, d.Response)
	if err != nil {
		return err
	}
	doc, err := res.LastInsertId()
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO episode VALUES (?, ?)", id, doc)
	}
	return err
}

func remove(ctx context.Context, tx *sql.Tx, id string, doc int64) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM doc WHERE rowid = ?", doc); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM episode WHERE id = ?", id)
	return err
}

// Hit is an episode that a search found.
type Hit struct {
	ID      string
	Score   int64  // BM25 in millionths; higher is more similar
	Excerpt string // of the request or the response, one line
}

// Bounds of a search.
const (
	maxWords = 4096 // words of the text that are looked up
	maxTerms = 32   // of those, the rarest, which are searched for
)

var word = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[\pL\pN_]+`) })

// Search finds the episodes most similar to a text, most similar first, at most limit. It looks for the text's rarest
// words that the index knows; ties are ordered by id.
func (x *Index) Search(ctx context.Context, text string, limit int) ([]Hit, error) {
	terms, err := x.rarest(ctx, text)
	if err != nil || len(terms) == 0 {
		return nil, err
	}
	rows, err := x.db.QueryContext(ctx, `SELECT episode.id, CAST(-1000000 * bm25(doc) AS INTEGER) AS score, snippet(doc, -1, '', '', '…', 12)
		FROM doc JOIN episode ON episode.num = doc.rowid WHERE doc MATCH ? ORDER BY score DESC, episode.id LIMIT ?`, strings.Join(terms, " OR "), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var hits []Hit
	for rows.Next() {
		var h Hit
		if err := rows.Scan(&h.ID, &h.Score, &h.Excerpt); err != nil {
			return nil, err
		}
		h.Excerpt = strings.Join(strings.Fields(h.Excerpt), " ")
		hits = append(hits, h)
	}
	return hits, rows.Err()
}

// rarest returns the words of a text that the index knows, rarest first, each quoted for a query.
func (x *Index) rarest(ctx context.Context, text string) ([]string, error) {
	known := map[string]bool{}
	var args []any
	for _, w := range word().FindAllString(text, -1) {
		if w = strings.ToLower(w); !known[w] && len(args) < maxWords {
			known[w] = true
			args = append(args, w)
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	query := "SELECT term FROM term WHERE term IN (?" + strings.Repeat(",?", len(args)-1) + ") ORDER BY doc, term LIMIT " + fmt.Sprint(maxTerms)
	rows, err := x.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var terms []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		terms = append(terms, `"`+t+`"`)
	}
	return terms, rows.Err()
}
