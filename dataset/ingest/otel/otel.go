// Package otel imports OpenTelemetry traces of generative AI, in every common convention, as foreign evidence
// (spec/datasets.md#import).
package otel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// Form reads OpenTelemetry traces and logs in OTLP JSON: one document, or one per line, as the collector's file
// exporter writes them. A line may also be a part of a document (a ResourceSpans, a ScopeSpans, a span). The spans of a
// trace that follow a convention for generative AI make an episode: each call of a tool or model is a receipt, in the
// order in which they began; the model call that ended last is the answer. Form holds the spans of generative AI in
// memory.
type Form struct{}

// Name implements foreign.Reader.
func (Form) Name() string { return "otel" }

// Code implements foreign.Reader.
func (Form) Code() object.Hash { return object.SumText("mythos.import.otel/3") }

// maxSpans bounds the spans in memory, in bytes.
const maxSpans = 2 << 30

// Read implements foreign.Reader.
func (Form) Read(r io.Reader, h foreign.Handler) error {
	c := &collection{h: h, spans: map[spanKey]*genSpan{}, logs: map[string]int{}, parents: map[spanKey]string{}}
	if err := eachDocument(r, h, c.document); err != nil {
		return err
	}
	return c.records()
}

// lineCounter knows the line of each byte of a stream.
type lineCounter struct {
	r     io.Reader
	read  int64
	lines []int64 // positions of line ends that are not yet passed
	line  int     // of position at
}

// Read implements io.Reader. It limits the size.
func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.lines = append(l.lines, l.read+int64(i))
		}
	}
	if l.read += int64(n); l.read > 4*maxSpans {
		return n, fmt.Errorf("more than %d bytes", int64(4*maxSpans))
	}
	return n, err
}

// at is the line of a position, from 1. Positions ascend from call to call.
func (l *lineCounter) at(position int64) int {
	for len(l.lines) > 0 && l.lines[0] < position {
		l.lines, l.line = l.lines[1:], l.line+1
	}
	return l.line + 1
}

// eachDocument calls fn for every JSON value of a stream. After an invalid one it continues with the next line, if the
// handler allows it.
func eachDocument(r io.Reader, h foreign.Handler, fn func(where string, doc json.RawMessage) error) error {
	lines := &lineCounter{r: r}
	text, err := foreign.Text(lines)
	if err != nil {
		return err
	}
	begin := lines.read - int64(text.Buffered())
	for dec := json.NewDecoder(text); ; {
		var doc json.RawMessage
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		end := begin + dec.InputOffset()
		where := fmt.Sprintf("line %d", lines.at(max(end-int64(len(doc)), 0)))
		if err == nil {
			err = jsontext.Check(doc)
		} else {
			where = fmt.Sprintf("line %d", lines.at(end)+skippedBlanks(lines, end))
			var syntax *json.SyntaxError
			if !errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("%s: %w", where, err)
			}
			rest := bufio.NewReader(io.MultiReader(dec.Buffered(), text))
			skipped, readErr := skipLine(rest)
			if readErr != nil && !errors.Is(readErr, io.EOF) {
				return readErr
			}
			text, begin = rest, end+skipped
			dec = json.NewDecoder(text)
			err = fmt.Errorf("it is not JSON: %w", err)
		}
		if err == nil {
			err = fn(where, doc)
		} else {
			err = h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
		}
		if err != nil {
			return err
		}
	}
}

// skippedBlanks is 1 if a line ends exactly at a position: the next value is on the next line.
func skippedBlanks(l *lineCounter, at int64) int {
	if len(l.lines) > 0 && l.lines[0] == at {
		return 1
	}
	return 0
}

// skipLine skips blanks, and then everything up to the end of the first non-empty line.
func skipLine(r *bufio.Reader) (n int64, err error) {
	seen := false
	for {
		b, err := r.ReadByte()
		if err != nil {
			return n, err
		}
		n++
		if b == '\n' && seen {
			return n, nil
		}
		seen = seen || b != '\n' && b != ' ' && b != '\r' && b != '\t'
	}
}

// collection collects spans of generative AI, each once, and the logs that belong to them.
type collection struct {
	h     foreign.Handler
	spans map[spanKey]*genSpan
	order []spanKey      // in the order of the file
	logs  map[string]int // most occurrences of a record in one list
	batch map[string]int // occurrences in this list
	held  int            // bytes
	// parents are the parents of other spans: such a span may be between an agent and a model call.
	parents map[spanKey]string
}

// cutBefore is the reason for a loss of data that was never in the file.
const cutBefore = "a limit had cut them off when they were recorded, as the counts of what was dropped say"

// spanKey identifies a span.
type spanKey struct{ trace, span string }

// The members that lead from a document to its spans and logs, outermost first.
var (
	spanLevels = [][]string{{"resourceSpans", "resource_spans"}, {"scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans"}, {"spans"}}
	logLevels  = [][]string{{"resourceLogs", "resource_logs"}, {"scopeLogs", "scope_logs"}, {"logRecords", "log_records"}}
)

// document processes the spans and logs of a document, whatever its top level.
func (c *collection) document(where string, doc json.RawMessage) error {
	if jsontext.Kind(doc) == '[' {
		list, err := jsontext.ListOf(doc)
		if err != nil {
			return c.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
		}
		for _, item := range list {
			if err := c.document(where, item); err != nil {
				return err
			}
		}
		return nil
	}
	f, err := jsontext.FieldsOf(doc)
	if err != nil {
		return c.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
	}
	found := false
	for i := range spanLevels {
		for _, kind := range []struct {
			levels [][]string
			take   func(string, json.RawMessage) error
		}{{spanLevels, c.span}, {logLevels, c.log}} {
			if f.Get(kind.levels[i]...) == nil {
				continue
			}
			found = true
			if err := c.descend(where, doc, kind.levels[i:], kind.take); err != nil {
				return err
			}
		}
	}
	switch {
	case found:
		return nil
	case f.Get("traceId", "trace_id") != nil && f.Get("startTimeUnixNano", "start_time_unix_nano") != nil:
		return c.span(where, doc)
	case f.Has("resourceMetrics") || f.Has("scopeMetrics"):
		c.h.Passed("documents of metrics")
		return nil
	}
	return c.h.Lost("documents", "they have no resourceSpans, no resourceLogs, and nothing of what stands in these")
}

// descend calls take for the values below the levels.
func (c *collection) descend(where string, raw json.RawMessage, levels [][]string, take func(string, json.RawMessage) error) error {
	if len(levels) == 0 {
		return take(where, raw)
	}
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return c.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
	}
	inner := f.Get(levels[0]...)
	if inner == nil {
		return nil
	}
	list, err := jsontext.ListOf(inner)
	if err != nil {
		return c.h.Bad(&foreign.RecordError{Where: where, Reason: levels[0][0] + ": " + err.Error()})
	}
	if len(levels) == 1 {
		c.batch = map[string]int{}
	}
	for _, item := range list {
		if err := c.descend(where, item, levels[1:], take); err != nil {
			return err
		}
	}
	return nil
}

// span processes a span. An identical span that was sent again counts once.
func (c *collection) span(where string, raw json.RawMessage) error {
	s, err := parseSpan(raw)
	if err != nil {
		return c.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
	}
	key := spanKey{s.trace, s.id}
	if s.kind == notGen {
		c.h.Passed("spans that are not of generative AI")
		c.parents[key] = s.parent
		return nil
	}
	if old := c.spans[key]; old != nil && old.raw != nil {
		if old.canonical() == s.canonical() {
			c.h.Passed("spans that were sent again")
			return nil
		}
		return c.h.Bad(&foreign.RecordError{Where: where, Reason: fmt.Sprintf("the span %s of the trace %s is here twice, and not the same", s.id, s.trace)})
	}
	if s.cut {
		if err := c.h.Lost("attributes and events of spans", cutBefore); err != nil {
			return err
		}
	}
	if c.held += len(s.raw); c.held > maxSpans {
		return fmt.Errorf("more than %d bytes of spans: import fewer files at a time", maxSpans)
	}
	if old := c.spans[key]; old != nil { // logs came first
		s.events, s.logged = append(s.events, old.events...), old.logged
	} else {
		c.order = append(c.order, key)
	}
	c.spans[key] = s
	return nil
}

// log processes a log record of generative AI: an event of the span that it names. The same record, sent again, counts
// once. But one list contains no resent records: two equal records in it are two, for example a user who says the same
// twice in a millisecond's history.
func (c *collection) log(where string, raw json.RawMessage) error {
	l, err := parseLog(raw)
	if err != nil {
		return c.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
	}
	if l == nil {
		c.h.Passed("log records that are not of generative AI")
		return nil
	}
	if l.cut {
		if err := c.h.Lost("attributes of log records", cutBefore); err != nil {
			return err
		}
	}
	text := string(jsontext.Compact(raw))
	if c.batch[text]++; c.batch[text] <= c.logs[text] {
		c.h.Passed("log records that were sent again")
		return nil
	}
	c.logs[text] = c.batch[text]
	if c.held += 2 * len(text); c.held > maxSpans {
		return fmt.Errorf("more than %d bytes of log records: import fewer files at a time", maxSpans)
	}
	if l.key.trace == "" {
		if l.event.name != eventDetails {
			return c.h.Lost("log records "+l.event.name, "they have no traceId, so that their model call is not known")
		}
		l.key = spanKey{"", fmt.Sprintf("log %d", len(c.order))}
	}
	s := c.spans[l.key]
	if s == nil {
		s = &genSpan{trace: l.key.trace, id: l.key.span, start: l.event.time, end: l.event.time, kind: modelCall}
		c.spans[l.key] = s
		c.order = append(c.order, l.key)
	}
	s.events = append(s.events, l.event)
	s.logged = append(s.logged, []byte(text))
	return nil
}
