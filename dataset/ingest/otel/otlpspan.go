package otel

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/decimal"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// genSpan is a span of generative AI.
type genSpan struct {
	trace, id, parent string
	name              string
	kind              spanKind
	start, end        object.Time
	startNano, endRaw string // as in the file
	attrs             attributes
	events            []genEvent
	failed            bool
	cut               bool     // some attributes or events were not recorded
	message           string   // of the status
	raw               []byte   // the span as in the file; nil if it is known only from logs
	logged            [][]byte // its log records
}

// genEvent is an event of a span, or a log record that belongs to it.
type genEvent struct {
	name  string
	time  object.Time
	attrs attributes // with the members of the body
}

// nanos reads nanoseconds since 1970, a number or a text. A time has microseconds: the rest is cut.
func nanos(raw json.RawMessage) (object.Time, string, error) {
	text, err := jsontext.PlainText(raw)
	if err != nil || text == "" {
		return 0, "", err
	}
	n, ok := decimal.Whole(text)
	if !ok || !n.IsInt64() || n.Sign() < 0 {
		return 0, "", fmt.Errorf("%s is not a time in nanoseconds", jsontext.Describe(raw))
	}
	return object.Time(n.Int64() / 1000), text, nil
}

// parseSpan reads a span and determines its kind.
func parseSpan(raw json.RawMessage) (*genSpan, error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, fmt.Errorf("a span: %w", err)
	}
	s := &genSpan{}
	if s.attrs, err = parseAttributes(f.Get("attributes")); err != nil {
		return nil, err
	}
	if s.events, err = parseEvents(f.Get("events")); err != nil {
		return nil, err
	}
	if s.name, err = jsontext.PlainText(f.Get("name")); err != nil {
		return nil, err
	}
	s.kind = kindOfSpan(s)
	if err := s.ids(f); err != nil {
		return nil, err
	}
	if s.kind == notGen {
		return s, nil
	}
	if s.trace == "" || s.id == "" {
		return nil, errors.New("a span has no traceId, or no spanId")
	}
	if s.start, s.startNano, err = nanos(f.Get("startTimeUnixNano", "start_time_unix_nano")); err != nil {
		return nil, err
	}
	if s.end, s.endRaw, err = nanos(f.Get("endTimeUnixNano", "end_time_unix_nano")); err != nil {
		return nil, err
	}
	s.raw = jsontext.Compact(raw)
	if s.cut, err = dropped(f); err != nil {
		return nil, err
	}
	return s, s.readStatus(f.Get("status"))
}

// dropped reports whether counts say that something was not recorded.
func dropped(f jsontext.Fields) (bool, error) {
	for _, name := range []string{"droppedAttributesCount", "dropped_attributes_count", "droppedEventsCount", "dropped_events_count"} {
		text, err := jsontext.PlainText(f.Get(name))
		if err != nil || text == "" {
			continue
		}
		n, ok := decimal.Whole(text)
		if !ok || n.Sign() < 0 {
			return false, fmt.Errorf("%s: %s is not a count", name, jsontext.Describe(f.Get(name)))
		}
		if n.Sign() > 0 {
			return true, nil
		}
	}
	return false, nil
}

// ids reads the ids of a span, its trace and its parent.
func (s *genSpan) ids(f jsontext.Fields) (err error) {
	if s.trace, err = otlpID(f.Get("traceId", "trace_id"), 16); err != nil {
		return fmt.Errorf("traceId: %w", err)
	}
	if s.id, err = otlpID(f.Get("spanId", "span_id"), 8); err != nil {
		return fmt.Errorf("spanId: %w", err)
	}
	if s.parent, err = otlpID(f.Get("parentSpanId", "parent_span_id"), 8); err != nil {
		return fmt.Errorf("parentSpanId: %w", err)
	}
	return nil
}

// statusCodes are OTLP's, by number and name, and whether each is a failure.
var statusCodes = map[string]bool{"": false, "0": false, "1": false, "2": true, "UNSET": false, "OK": false, "ERROR": true}

// readStatus reads whether a span failed, and why.
func (s *genSpan) readStatus(raw json.RawMessage) error {
	_, s.failed = s.attrs.text("error.type")
	if raw == nil {
		return nil
	}
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	code, err := jsontext.PlainText(f.Get("code"))
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	failed, ok := statusCodes[strings.TrimPrefix(strings.ToUpper(code), "STATUS_CODE_")]
	if n, whole := decimal.Whole(code); whole {
		failed, ok = statusCodes[n.String()]
	}
	if !ok {
		return fmt.Errorf("status: the code %s is not known", jsontext.Describe(f.Get("code")))
	}
	s.failed = s.failed || failed
	s.message, err = jsontext.PlainText(f.Get("message"))
	return err
}

func parseEvents(raw json.RawMessage) ([]genEvent, error) {
	if raw == nil {
		return nil, nil
	}
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	var out []genEvent
	for _, item := range list {
		f, err := jsontext.FieldsOf(item)
		if err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		var e genEvent
		if e.name, err = jsontext.PlainText(f.Get("name")); err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		if e.time, _, err = nanos(f.Get("timeUnixNano", "time_unix_nano")); err != nil {
			return nil, err
		}
		if e.attrs, err = parseAttributes(f.Get("attributes")); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// genLog is a log record of generative AI.
type genLog struct {
	key   spanKey
	event genEvent
	cut   bool // some attributes were not recorded
}

// eventDetails is the event with all data of a model call.
const eventDetails = "gen_ai.client.inference.operation.details"

// parseLog returns nil for a record that is not of generative AI.
func parseLog(raw json.RawMessage) (*genLog, error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, fmt.Errorf("a log record: %w", err)
	}
	l := &genLog{}
	if l.event.attrs, err = parseAttributes(f.Get("attributes")); err != nil {
		return nil, err
	}
	if l.event.name, err = jsontext.PlainText(f.Get("eventName", "event_name")); err != nil {
		return nil, err
	}
	if l.event.name == "" {
		l.event.name, _ = l.event.attrs.text("event.name")
	}
	if !strings.HasPrefix(l.event.name, "gen_ai.") {
		return nil, nil
	}
	if err := l.body(f.Get("body")); err != nil {
		return nil, err
	}
	if l.cut, err = dropped(f); err != nil {
		return nil, err
	}
	if l.key.trace, err = otlpID(f.Get("traceId", "trace_id"), 16); err != nil {
		return nil, fmt.Errorf("traceId: %w", err)
	}
	if l.key.span, err = otlpID(f.Get("spanId", "span_id"), 8); err != nil {
		return nil, fmt.Errorf("spanId: %w", err)
	}
	at := f.Get("timeUnixNano", "time_unix_nano")
	if text, err := jsontext.PlainText(at); err != nil || text == "" || text == "0" {
		at = f.Get("observedTimeUnixNano", "observed_time_unix_nano")
	}
	l.event.time, _, err = nanos(at)
	return l, err
}

// body joins the members of a body with the attributes; a text body is the content.
func (l *genLog) body(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	value, err := anyJSON(raw, 1)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if jsontext.Kind(value) != '{' {
		if jsontext.Kind(value) != 'n' && !l.event.attrs.Has("content") {
			l.event.attrs.Fields = append(l.event.attrs.Fields, jsontext.Member{Name: "content", Value: value})
		}
		return nil
	}
	f, err := jsontext.FieldsOf(value)
	if err != nil {
		return err
	}
	for _, m := range f {
		if !l.event.attrs.Has(m.Name) {
			l.event.attrs.Fields = append(l.event.attrs.Fields, m)
		}
	}
	return nil
}

// canonical is everything that was read of a span, for comparing spans regardless of the order of attributes and the
// letter case of ids.
func (s *genSpan) canonical() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q %q %q %v %q", s.trace, s.id, s.parent, s.name, s.startNano, s.endRaw, s.failed, s.message)
	writeAttributes(&b, s.attrs)
	for _, e := range s.events[:len(s.events)-len(s.logged)] {
		fmt.Fprintf(&b, "\n%q %d", e.name, e.time)
		writeAttributes(&b, e.attrs)
	}
	return b.String()
}

func writeAttributes(b *strings.Builder, a attributes) {
	sorted := slices.SortedFunc(slices.Values(a.Fields), func(x, y jsontext.Member) int { return strings.Compare(x.Name, y.Name) })
	for _, m := range sorted {
		fmt.Fprintf(b, " %q=%s", m.Name, jsontext.Compact(m.Value))
	}
}
