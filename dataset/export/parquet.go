package export

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/snappy"
)

// parquetRow is a Line as a row (spec/datasets.md#parquet): the columns have the names of the members, hashes are hex,
// and times are timestamps in microseconds, UTC. Texts have the plain encoding: not every reader accepts a page of
// delta lengths without values.
type parquetRow struct {
	EpisodeID   string           `parquet:"episode_id,uncompressed,plain"`
	ContextHash string           `parquet:"context_hash,dict"`
	OutcomeHash string           `parquet:"outcome_hash,uncompressed,plain"`
	Time        int64            `parquet:"time_observed,timestamp(microsecond)"`
	TraceCID    string           `parquet:"trace_cid,uncompressed,plain"`
	Source      *string          `parquet:"source,optional,dict"`
	Outcome     *string          `parquet:"outcome,optional,plain"` // JSON
	Withheld    *string          `parquet:"outcome_withheld,optional,dict"`
	Receipts    []parquetReceipt `parquet:"receipts,list"`
	Signals     []parquetSignal  `parquet:"signals,list"`
}

type parquetReceipt struct {
	ReceiptID    string          `parquet:"receipt_id,uncompressed,plain"`
	ToolID       string          `parquet:"tool_id,dict"`
	Tool         *string         `parquet:"tool,optional,dict"`
	Status       int32           `parquet:"status"`
	Notes        *string         `parquet:"notes,optional,dict"`
	RequestHash  string          `parquet:"request_hash,uncompressed,plain"`
	ResponseHash string          `parquet:"response_hash,uncompressed,plain"`
	Time         int64           `parquet:"time_observed,timestamp(microsecond)"`
	Signer       string          `parquet:"signer,dict"`
	Request      *parquetPayload `parquet:"request,optional"`
	Response     *parquetPayload `parquet:"response,optional"`
	Details      *string         `parquet:"details,optional,plain"` // JSON
}

type parquetPayload struct {
	Text     *string `parquet:"text,optional,plain"`
	Base64   *string `parquet:"base64,optional,plain"`
	Withheld *string `parquet:"withheld,optional,dict"`
	Redacted bool    `parquet:"redacted"`
}

type parquetSignal struct {
	SignalID string `parquet:"signal_id,uncompressed,plain"`
	Type     string `parquet:"type,dict"`
	Value    string `parquet:"value,plain"`
	Number   *int64 `parquet:"number,optional"` // the value, if it is a number that fits
	Kind     string `parquet:"kind,dict"`
	Redacted bool   `parquet:"redacted"`
	Time     int64  `parquet:"time_observed,timestamp(microsecond)"`
	Signer   string `parquet:"signer,dict"`
}

func newParquetRow(l *Line) parquetRow {
	r := parquetRow{EpisodeID: l.EpisodeID.String(), ContextHash: l.ContextHash.String(), OutcomeHash: l.OutcomeHash, Time: int64(l.Time),
		TraceCID: l.TraceCID.String(), Source: orNull(l.Source), Outcome: orNull(string(l.Outcome)), Withheld: orNull(l.Withheld),
		Receipts: make([]parquetReceipt, len(l.Receipts)), Signals: make([]parquetSignal, len(l.Signals))}
	for i, c := range l.Receipts {
		r.Receipts[i] = parquetReceipt{c.ReceiptID.String(), c.ToolID.String(), orNull(c.Tool), int32(c.Status), orNull(c.Notes), c.RequestHash, c.ResponseHash, int64(c.Time), c.Signer,
			newParquetPayload(c.Request), newParquetPayload(c.Response), orNull(string(c.Details))}
	}
	for i, s := range l.Signals {
		r.Signals[i] = parquetSignal{s.SignalID.String(), s.Type, fmt.Sprint(s.Value), fitting(s.Value), s.Kind, s.Redacted, int64(s.Time), s.Signer}
	}
	return r
}

func newParquetPayload(p *Payload) *parquetPayload {
	if p == nil {
		return nil
	}
	return &parquetPayload{p.Text, p.Base64, orNull(p.Withheld), p.Redacted}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// fitting is a signal's value as an int64; nil if it is not one.
func fitting(value any) *int64 {
	var n int64
	switch v := value.(type) {
	case int64:
		n = v
	case uint64:
		if n = int64(v); n < 0 {
			return nil
		}
	default:
		return nil
	}
	return &n
}

// Limits of a row group, which bound memory. They are part of the format: the bytes of a file depend on them.
const (
	groupRows  = 1 << 16
	groupBytes = 32 << 20 // of payloads
	writeRows  = 128      // rows passed to the library at once
)

// tableWriter writes the rows of a Parquet file.
type tableWriter interface {
	// write takes a list of rows, of the writer's type, and the bytes of each.
	write(rows any, sizes []int) error
	close() error
}

// table is the type of the rows of a table.
func (r Rows) table() reflect.Type {
	return [...]reflect.Type{reflect.TypeFor[parquetRow](), reflect.TypeFor[messagesRow](), reflect.TypeFor[completionRow](), reflect.TypeFor[preferenceRow]()}[r]
}

// newTableWriter starts a file of rows of a kind.
func newTableWriter(kind Rows, w io.Writer, meta map[string]string) tableWriter {
	switch kind {
	case RowsMessages:
		return newParquetWriter[messagesRow](w, meta)
	case RowsPromptCompletion:
		return newParquetWriter[completionRow](w, meta)
	case RowsPreference:
		return newParquetWriter[preferenceRow](w, meta)
	}
	return newParquetWriter[parquetRow](w, meta)
}

// parquetWriter writes the rows of one file. It holds one row group.
type parquetWriter[T any] struct {
	w          *parquet.GenericWriter[T]
	rows       []T
	size       int // bytes of payloads in rows
	group      int // rows in the group that were written
	groupBytes int
}

// newParquetWriter starts a file. Nothing in it depends on the machine, the time or the build.
func newParquetWriter[T any](w io.Writer, meta map[string]string) *parquetWriter[T] {
	o := []parquet.WriterOption{parquet.CreatedBy("mythos", "1", "0"), parquet.Compression(&snappy.Codec{}), parquet.DataPageStatistics(false)}
	for name, value := range meta {
		o = append(o, parquet.KeyValueMetadata(name, value))
	}
	return &parquetWriter[T]{w: parquet.NewGenericWriter[T](w, o...)}
}

func (p *parquetWriter[T]) write(rows any, sizes []int) error {
	for i, r := range rows.([]T) {
		p.rows, p.size = append(p.rows, r), p.size+sizes[i]
		if len(p.rows) < writeRows && p.size < groupBytes {
			continue
		}
		if err := p.flush(false); err != nil {
			return err
		}
	}
	return nil
}

// flush passes the rows on, and ends the row group when it is full.
func (p *parquetWriter[T]) flush(last bool) error {
	if _, err := p.w.Write(p.rows); err != nil {
		return err
	}
	p.group, p.groupBytes = p.group+len(p.rows), p.groupBytes+p.size
	clear(p.rows)
	p.rows, p.size = p.rows[:0], 0
	if last || p.group < groupRows && p.groupBytes < groupBytes {
		return nil
	}
	p.group, p.groupBytes = 0, 0
	return p.w.Flush()
}

func (p *parquetWriter[T]) close() error {
	if err := p.flush(true); err != nil {
		return err
	}
	return p.w.Close()
}
