package ingest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// otel reads OpenTelemetry traces in OTLP JSON: one document, or one a line, as the
// collector's file exporter writes them. The spans of a trace that follow the semantic
// conventions for generative AI make an episode: spans execute_tool are its calls, the
// first span of another operation has what was asked, the last one the answer. Content is
// taken from gen_ai.input.messages and gen_ai.output.messages, from gen_ai.prompt and
// gen_ai.completion, or from the span's events. It holds the spans of generative AI.
type otel struct{}

// Name implements Reader.
func (otel) Name() string { return "otel" }

// Code implements Reader.
func (otel) Code() object.Hash { return object.SumText("mythos.import.otel/1") }

// maxSpans bounds the spans that are held, in bytes.
const maxSpans = 2 << 30

type otlpDocument struct {
	ResourceSpans []struct {
		ScopeSpans []struct {
			Spans []json.RawMessage `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

type otlpSpan struct {
	TraceID    string          `json:"traceId"`
	SpanID     string          `json:"spanId"`
	Name       string          `json:"name"`
	Start      json.RawMessage `json:"startTimeUnixNano"`
	End        json.RawMessage `json:"endTimeUnixNano"`
	Attributes otlpAttributes  `json:"attributes"`
	Events     []otlpEvent     `json:"events"`
	Status     struct {
		Code json.RawMessage `json:"code"`
	} `json:"status"`
}

type otlpEvent struct {
	Name       string         `json:"name"`
	Attributes otlpAttributes `json:"attributes"`
}

type otlpAttributes []struct {
	Key   string                     `json:"key"`
	Value map[string]json.RawMessage `json:"value"`
}

// get is an attribute as text; structured values are JSON.
func (a otlpAttributes) get(key string) (string, bool) {
	for _, kv := range a {
		if kv.Key == key {
			return otlpText(kv.Value), true
		}
	}
	return "", false
}

func otlpText(value map[string]json.RawMessage) string {
	for kind, raw := range value {
		if kind == "arrayValue" || kind == "kvlistValue" {
			tree, err := json.Marshal(otlpTree(value))
			if err != nil {
				return string(raw)
			}
			return string(tree)
		}
		return string(plain(raw))
	}
	return ""
}

// otlpTree is an AnyValue as plain JSON.
func otlpTree(value map[string]json.RawMessage) any {
	for kind, raw := range value {
		switch kind {
		case "arrayValue":
			var list struct {
				Values []map[string]json.RawMessage `json:"values"`
			}
			if json.Unmarshal(raw, &list) != nil {
				return raw
			}
			out := make([]any, len(list.Values))
			for i, v := range list.Values {
				out[i] = otlpTree(v)
			}
			return out
		case "kvlistValue":
			var list struct {
				Values otlpAttributes `json:"values"`
			}
			if json.Unmarshal(raw, &list) != nil {
				return raw
			}
			out := map[string]any{}
			for _, kv := range list.Values {
				out[kv.Key] = otlpTree(kv.Value)
			}
			return out
		}
		return raw
	}
	return nil
}

// genSpan is a span with its bytes.
type genSpan struct {
	otlpSpan
	raw   []byte
	start object.Time
	end   object.Time
}

func (s *genSpan) operation() string {
	op, _ := s.Attributes.get("gen_ai.operation.name")
	if op == "" {
		if _, ok := s.Attributes.get("gen_ai.tool.name"); ok {
			return "execute_tool"
		}
	}
	return op
}

func (s *genSpan) failed() bool {
	_, failed := s.Attributes.get("error.type")
	code := strings.Trim(string(s.Status.Code), `"`)
	return failed || code == "2" || code == "STATUS_CODE_ERROR"
}

func (s *genSpan) status() uint16 {
	if s.failed() {
		return statusFailed
	}
	return statusOK
}

// Read implements Reader.
func (otel) Read(r io.Reader, fn func(*Record) error, bad func(*RecordError) error) error {
	traces, held := map[string][]*genSpan{}, 0
	dec := json.NewDecoder(&limited{r: r})
	for n := 1; ; n++ {
		var doc otlpDocument
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &RecordError{fmt.Sprintf("document %d", n), err.Error()}
		}
		for _, raw := range doc.spans() {
			s, err := parseSpan(raw)
			if err != nil {
				if err := bad(&RecordError{fmt.Sprintf("document %d", n), err.Error()}); err != nil {
					return err
				}
				continue
			}
			if s == nil {
				continue
			}
			if held += len(raw); held > maxSpans {
				return fmt.Errorf("more than %d bytes of spans: import fewer files at a time", maxSpans)
			}
			traces[s.TraceID] = append(traces[s.TraceID], s)
		}
	}
	ids := make([]string, 0, len(traces))
	for id := range traces {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := fn(traceRecord(traces[id])); err != nil {
			return err
		}
	}
	return nil
}

// limited bounds what a document may take: maxSpans.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.n += int64(n); l.n > 4*maxSpans {
		return n, fmt.Errorf("more than %d bytes", int64(4*maxSpans))
	}
	return n, err
}

func (d *otlpDocument) spans() (list []json.RawMessage) {
	for _, r := range d.ResourceSpans {
		for _, s := range r.ScopeSpans {
			list = append(list, s.Spans...)
		}
	}
	return list
}

// parseSpan gives nil for a span that is not about generative AI.
func parseSpan(raw json.RawMessage) (*genSpan, error) {
	s := &genSpan{raw: compact(raw)}
	err := json.Unmarshal(raw, &s.otlpSpan)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.Attributes, func(kv struct {
		Key   string                     `json:"key"`
		Value map[string]json.RawMessage `json:"value"`
	}) bool {
		return strings.HasPrefix(kv.Key, "gen_ai.")
	}) {
		return nil, nil
	}
	if s.TraceID == "" {
		return nil, errors.New("a span has no traceId")
	}
	if s.start, err = nanos(s.Start); err != nil {
		return nil, err
	}
	s.end, err = nanos(s.End)
	return s, err
}

// nanos reads nanoseconds since 1970, a number or a text.
func nanos(raw json.RawMessage) (object.Time, error) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no time in nanoseconds", raw)
	}
	return object.Time(n / 1000), nil
}

// traceRecord makes an episode of the spans of a trace.
func traceRecord(spans []*genSpan) *Record {
	slices.SortFunc(spans, func(a, b *genSpan) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.SpanID, b.SpanID), bytes.Compare(a.raw, b.raw))
	})
	rec := &Record{Status: statusOK, Time: spans[0].start}
	sources := make([][]byte, len(spans))
	var last *genSpan
	for i, s := range spans {
		sources[i] = s.raw
		if s.operation() == "execute_tool" {
			rec.Calls = append(rec.Calls, s.call())
			continue
		}
		if rec.Input == nil {
			rec.Input = s.content("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.content.prompt", "gen_ai.user.message")
		}
		if rec.Model == "" {
			rec.Model, _ = s.Attributes.get("gen_ai.request.model")
		}
		if last == nil || s.end >= last.end {
			if out := s.content("gen_ai.output.messages", "gen_ai.completion", "gen_ai.content.completion", "gen_ai.choice"); out != nil {
				rec.Output, last = out, s
			}
		}
		if s.failed() {
			rec.Status = statusFailed
		}
	}
	if last != nil {
		rec.Status = last.status()
	}
	rec.Source = bytes.Join(sources, []byte{'\n'})
	return rec
}

func (s *genSpan) call() Call {
	name, ok := s.Attributes.get("gen_ai.tool.name")
	if !ok {
		name = strings.TrimPrefix(s.Name, "execute_tool ")
	}
	c := Call{Tool: name, Status: s.status(), Time: s.start}
	c.Request = s.content("gen_ai.tool.call.arguments", "gen_ai.tool.arguments", "input.value")
	c.Response = s.content("gen_ai.tool.call.result", "gen_ai.tool.message", "output.value")
	return c
}

// content is the first of some attributes that the span or one of its events has; an event
// of that name counts with all that it has.
func (s *genSpan) content(keys ...string) []byte {
	for _, key := range keys {
		if text, ok := s.Attributes.get(key); ok {
			return []byte(text)
		}
		for _, e := range s.Events {
			if text, ok := e.Attributes.get(key); ok {
				return []byte(text)
			}
			if e.Name == key {
				return e.content()
			}
		}
	}
	return s.numbered(keys)
}

// content is what an event says.
func (e *otlpEvent) content() []byte {
	for _, key := range []string{"content", "gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion", "message"} {
		if text, ok := e.Attributes.get(key); ok {
			return []byte(text)
		}
	}
	all := map[string]any{}
	for _, kv := range e.Attributes {
		all[kv.Key] = otlpTree(kv.Value)
	}
	raw, err := json.Marshal(all)
	if err != nil || len(all) == 0 {
		return nil
	}
	return raw
}

// numbered reads gen_ai.prompt.0.content and what follows, of older conventions.
func (s *genSpan) numbered(keys []string) []byte {
	for _, key := range keys {
		var texts []string
		for i := 0; ; i++ {
			text, ok := s.Attributes.get(fmt.Sprintf("%s.%d.content", key, i))
			if !ok {
				break
			}
			texts = append(texts, text)
		}
		if len(texts) > 0 {
			return []byte(strings.Join(texts, "\n"))
		}
	}
	return nil
}
