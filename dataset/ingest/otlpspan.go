package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// genSpan is a span of generative AI.
type genSpan struct {
	trace, id, parent string
	name              string
	kind              spanKind
	start, end        object.Time
	startNano, endRaw string // as they stood there
	attrs             attributes
	events            []genEvent
	failed            bool
	message           string   // of the status
	raw               []byte   // the span as it stood there; nil when only logs tell of it
	logged            [][]byte // the log records that belong to it
}

// genEvent is an event of a span, or a log record that belongs to it.
type genEvent struct {
	name  string
	time  object.Time
	attrs attributes // with the members of the body
}

// nanos reads nanoseconds since 1970, a number or a text. A time has microseconds: the
// rest is cut, toward the past.
func nanos(raw json.RawMessage) (object.Time, string, error) {
	text, err := optionalText(raw)
	if err != nil || text == "" {
		return 0, "", err
	}
	n, ok := wholeOf(text)
	if !ok || !n.IsInt64() {
		return 0, "", fmt.Errorf("%s is no time in nanoseconds", describe(raw))
	}
	us := n.Int64() / 1000
	if n.Int64()%1000 < 0 {
		us--
	}
	return object.Time(us), text, nil
}

// parseSpan reads a span and tells its kind.
func parseSpan(raw json.RawMessage) (*genSpan, error) {
	f, err := fieldsOf(raw)
	if err != nil {
		return nil, fmt.Errorf("a span: %w", err)
	}
	s := &genSpan{}
	if s.attrs, err = parseAttributes(f.get("attributes")); err != nil {
		return nil, err
	}
	if s.events, err = parseEvents(f.get("events")); err != nil {
		return nil, err
	}
	if s.name, err = optionalText(f.get("name")); err != nil {
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
	if s.start, s.startNano, err = nanos(f.get("startTimeUnixNano", "start_time_unix_nano")); err != nil {
		return nil, err
	}
	if s.end, s.endRaw, err = nanos(f.get("endTimeUnixNano", "end_time_unix_nano")); err != nil {
		return nil, err
	}
	s.raw = compact(raw)
	return s, s.readStatus(f.get("status"))
}

// ids reads the ids of a span, of its trace and of the span around it.
func (s *genSpan) ids(f fields) (err error) {
	if s.trace, err = otlpID(f.get("traceId", "trace_id"), 16); err != nil {
		return fmt.Errorf("traceId: %w", err)
	}
	if s.id, err = otlpID(f.get("spanId", "span_id"), 8); err != nil {
		return fmt.Errorf("spanId: %w", err)
	}
	if s.parent, err = otlpID(f.get("parentSpanId", "parent_span_id"), 8); err != nil {
		return fmt.Errorf("parentSpanId: %w", err)
	}
	return nil
}

// readStatus reads whether a span failed, and why.
func (s *genSpan) readStatus(raw json.RawMessage) error {
	_, s.failed = s.attrs.text("error.type")
	if raw == nil {
		return nil
	}
	f, err := fieldsOf(raw)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	code, err := optionalText(f.get("code"))
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if n, ok := wholeOf(code); ok && n.Int64() == 2 || code == "STATUS_CODE_ERROR" {
		s.failed = true
	}
	s.message, err = optionalText(f.get("message"))
	return err
}

func parseEvents(raw json.RawMessage) ([]genEvent, error) {
	if raw == nil {
		return nil, nil
	}
	list, err := listOf(raw)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	var out []genEvent
	for _, item := range list {
		f, err := fieldsOf(item)
		if err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		var e genEvent
		if e.name, err = optionalText(f.get("name")); err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		if e.time, _, err = nanos(f.get("timeUnixNano", "time_unix_nano")); err != nil {
			return nil, err
		}
		if e.attrs, err = parseAttributes(f.get("attributes")); err != nil {
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
}

// eventDetails is the event that has all of a model call.
const eventDetails = "gen_ai.client.inference.operation.details"

// parseLog gives nil for a record that is not of generative AI.
func parseLog(raw json.RawMessage) (*genLog, error) {
	f, err := fieldsOf(raw)
	if err != nil {
		return nil, fmt.Errorf("a log record: %w", err)
	}
	l := &genLog{}
	if l.event.attrs, err = parseAttributes(f.get("attributes")); err != nil {
		return nil, err
	}
	if l.event.name, err = optionalText(f.get("eventName", "event_name")); err != nil {
		return nil, err
	}
	if l.event.name == "" {
		l.event.name, _ = l.event.attrs.text("event.name")
	}
	if !strings.HasPrefix(l.event.name, "gen_ai.") {
		return nil, nil
	}
	if err := l.body(f.get("body")); err != nil {
		return nil, err
	}
	if l.key.trace, err = otlpID(f.get("traceId", "trace_id"), 16); err != nil {
		return nil, fmt.Errorf("traceId: %w", err)
	}
	if l.key.span, err = otlpID(f.get("spanId", "span_id"), 8); err != nil {
		return nil, fmt.Errorf("spanId: %w", err)
	}
	at := f.get("timeUnixNano", "time_unix_nano")
	if text, err := optionalText(at); err != nil || text == "" || text == "0" {
		at = f.get("observedTimeUnixNano", "observed_time_unix_nano")
	}
	l.event.time, _, err = nanos(at)
	return l, err
}

// body joins the members of a body with the attributes; a body that is a text is the
// content.
func (l *genLog) body(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	value, err := anyJSON(raw, 1)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if kindOf(value) != '{' {
		if kindOf(value) != 'n' && !fields(l.event.attrs).has("content") {
			l.event.attrs = append(l.event.attrs, member{"content", value})
		}
		return nil
	}
	f, err := fieldsOf(value)
	if err != nil {
		return err
	}
	for _, m := range f {
		if !fields(l.event.attrs).has(m.name) {
			l.event.attrs = append(l.event.attrs, m)
		}
	}
	return nil
}

// canonical is all that was read of a span, so that two can be compared whatever the
// order of their attributes and the letters of their ids.
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
	sorted := slices.SortedFunc(slices.Values(a), func(x, y member) int { return strings.Compare(x.name, y.name) })
	for _, m := range sorted {
		fmt.Fprintf(b, " %q=%s", m.name, compact(m.value))
	}
}
