package otel

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Messages of OTLP's own protobuf definition, written by protobuf's JSON writer, are read here with the same values.

func drawAny(t *rapid.T, depth int) *commonpb.AnyValue {
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: rapid.String().Draw(t, "text")}}
	case 1:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: rapid.Bool().Draw(t, "bool")}}
	case 2:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: rapid.Int64().Draw(t, "int")}}
	case 3:
		f := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e21, math.Copysign(0, -1), 5e-324})).Draw(t, "double")
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}
	case 4:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")}}
	case 5:
		list := &commonpb.ArrayValue{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list.Values = append(list.Values, drawAny(t, depth-1))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: drawAttributes(t, depth-1)}}}
}

func drawAttributes(t *rapid.T, depth int) (list []*commonpb.KeyValue) {
	for _, key := range rapid.SliceOfNDistinct(rapid.String(), 0, 3, rapid.ID).Draw(t, "keys") {
		list = append(list, &commonpb.KeyValue{Key: key, Value: drawAny(t, depth)})
	}
	return list
}

// plainValue is a value as decoded JSON, with the digits of numbers.
func plainValue(v *commonpb.AnyValue) any {
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return x.StringValue
	case *commonpb.AnyValue_BoolValue:
		return x.BoolValue
	case *commonpb.AnyValue_IntValue:
		return json.Number(strconv.FormatInt(x.IntValue, 10))
	case *commonpb.AnyValue_DoubleValue:
		return x.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(x.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		out := make([]any, len(x.ArrayValue.Values))
		for i, item := range x.ArrayValue.Values {
			out[i] = plainValue(item)
		}
		return out
	case *commonpb.AnyValue_KvlistValue:
		out := map[string]any{}
		for _, kv := range x.KvlistValue.Values {
			out[kv.Key] = plainValue(kv.Value)
		}
		return out
	}
	return nil
}

// sameValue compares, doubles by their value.
func sameValue(got, want any) bool {
	switch w := want.(type) {
	case float64:
		n, isNumber := got.(json.Number)
		if isNumber {
			f, err := n.Float64()
			return err == nil && math.Float64bits(f) == math.Float64bits(w)
		}
		return got == map[bool]string{true: "NaN"}[math.IsNaN(w)] || got == strings.TrimPrefix(strings.Replace(fmt.Sprint(w), "Inf", "Infinity", 1), "+")
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !sameValue(g[i], w[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if !sameValue(g[k], w[k]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}

func TestAnyValuesLikeProtobuf(t *testing.T) {
	for name, o := range map[string]protojson.MarshalOptions{"members": {}, "names of the definition": {UseProtoNames: true}} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			v := drawAny(t, 3)
			raw, err := o.Marshal(v)
			if err != nil {
				t.Skip(err) // a text that is not UTF-8
			}
			got, err := anyJSON(raw, 1)
			if err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			if value, err := foreigntest.Decode(got); err != nil || jsontext.Check(got) != nil || !sameValue(value, plainValue(v)) {
				t.Fatalf("%s is %s, expected %v", raw, got, plainValue(v))
			}
		}))
	}
}

// TestSpansLikeProtobuf reads whole documents, whose ids protobuf writes in base64.
func TestSpansLikeProtobuf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SliceOfN(rapid.ByteRange(1, 255), 16, 16).Draw(t, "trace")
		start := rapid.Uint64Range(1, 1<<62).Draw(t, "start")
		question := rapid.StringN(1, -1, -1).Draw(t, "question")
		failed := rapid.Bool().Draw(t, "failed")
		s := &tracepb.Span{TraceId: id, SpanId: id[:8], Name: "chat m", StartTimeUnixNano: start, EndTimeUnixNano: start + 1,
			Attributes: append(drawAttributes(t, 1), &commonpb.KeyValue{Key: "gen_ai.operation.name", Value: textValue("chat")}, &commonpb.KeyValue{Key: "gen_ai.input.messages", Value: textValue(question)})}
		if failed {
			s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "m"}
		}
		doc := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{s}}}}}}
		raw, err := protojson.Marshal(doc)
		if err != nil {
			t.Skip(err)
		}
		h := &foreigntest.Hearer{}
		begun := strings.TrimLeft(question, " \t\r\n")
		cut := (strings.HasPrefix(begun, "[") || strings.HasPrefix(begun, "{")) && !json.Valid([]byte(question))
		if err := (Form{}).Read(strings.NewReader(string(raw)), h); err != nil || len(h.List)+len(h.Losses) != 1 || (len(h.Losses) == 1) != cut {
			t.Fatalf("%s: %v, %+v", raw, err, h)
		}
		if cut {
			return // as a limit for attributes cuts it
		}
		r := h.List[0]
		d, err := jsontext.FieldsOf(r.Details)
		if err != nil {
			t.Fatal(err)
		}
		trace, err := jsontext.PlainText(d.Get("trace_id"))
		if err != nil || trace != hex.EncodeToString(id) || int64(r.Time) != int64(start/1000) || string(r.Input) != question || (r.Status == foreign.StatusFailed) != failed {
			t.Fatalf("%s: trace %s, time %d, asked %q, status %d: %v", raw, trace, r.Time, r.Input, r.Status, err)
		}
	})
}

func textValue(text string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: text}}
}

// FuzzSpansLikeProtobuf reads a document with OTLP's own definition.
func FuzzSpansLikeProtobuf(f *testing.F) {
	f.Add(document(chatSpan(1, "one", "1"), chatSpan(2, "two", "2")))
	f.Add(document(withEvents(span(1, "", "chat", "gen_ai.system", "x", "n", `{"arrayValue":{"values":[{"doubleValue":1e21},{"intValue":"9007199254740993"},{"bytesValue":"AA=="}]}}`), "gen_ai.choice", `{"key":"message","value":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"Seven."}}]}}}`)))
	f.Add(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"S/kvNXezTaajzpKdDg5HNg==","spanId":"APBnqgupArc=","startTimeUnixNano":1e3,"attributes":[{"key":"ai.operationId","value":{"stringValue":"ai.toolCall"}}],"status":{"code":"STATUS_CODE_ERROR","message":"m"}}]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var doc tracepb.TracesData
		if jsontext.Check([]byte(text)) != nil || (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), &doc) != nil {
			return
		}
		h := &foreigntest.Hearer{}
		c := &collection{h: h, spans: map[spanKey]*genSpan{}, logs: map[string]int{}, parents: map[spanKey]string{}}
		if err := c.document("line 1", json.RawMessage(text)); err != nil {
			t.Fatal(err)
		}
		if len(h.Refused) > 0 {
			return // a refusal has a reason; accepted data must be the same
		}
		seen := map[spanKey]bool{}
		for _, rs := range doc.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, want := range ss.Spans {
					key := spanKey{protoID(want.TraceId, 16), protoID(want.SpanId, 8)}
					got := c.spans[key]
					if got == nil || seen[key] {
						continue
					}
					seen[key] = true
					sameSpan(t, got, want)
				}
			}
		}
		if len(seen) != len(c.spans) && len(c.spans) > 0 && !strings.ContainsAny(text, `\=`) {
			t.Fatalf("%d spans were taken, of which protobuf knows %d: %s", len(c.spans), len(seen), text)
		}
	})
}

// protoID is an id that protobuf decoded as base64, although it may have been hex.
func protoID(id []byte, size int) string {
	text := base64.StdEncoding.EncodeToString(id)
	raw, err := otlpID(jsontext.Text(text), size)
	if err != nil {
		return text
	}
	return raw
}

func sameSpan(t *testing.T, got *genSpan, want *tracepb.Span) {
	t.Helper()
	if got.name != want.Name || int64(got.start) != int64(want.StartTimeUnixNano/1000) || int64(got.end) != int64(want.EndTimeUnixNano/1000) || got.message != want.GetStatus().GetMessage() {
		t.Fatalf("span %+v, protobuf says %v", got, want)
	}
	if want.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR && !got.failed {
		t.Fatalf("span %v failed", want)
	}
	for _, kv := range want.Attributes {
		raw := got.attrs.Get(kv.Key)
		if raw == nil {
			if plainValue(kv.Value) != nil {
				t.Fatalf("the attribute %s is lost: %v", kv.Key, kv.Value)
			}
			continue
		}
		value, err := foreigntest.Decode(raw)
		if err != nil || !sameValue(value, plainValue(kv.Value)) {
			t.Fatalf("the attribute %s is %s, protobuf says %v", kv.Key, raw, kv.Value)
		}
		if data, ok := kv.Value.GetValue().(*commonpb.AnyValue_BytesValue); ok && !bytes.Equal(got.attrs.bytes[kv.Key], data.BytesValue) {
			t.Fatalf("the bytes %s are %x, protobuf says %x", kv.Key, got.attrs.bytes[kv.Key], data.BytesValue)
		}
	}
	if len(got.events) != len(want.Events) {
		t.Fatalf("%d events, protobuf says %d", len(got.events), len(want.Events))
	}
	for i, e := range want.Events {
		if got.events[i].name != e.Name || int64(got.events[i].time) != int64(e.TimeUnixNano/1000) || len(got.events[i].attrs.Fields) > len(e.Attributes) {
			t.Fatalf("event %+v, protobuf says %v", got.events[i], e)
		}
	}
}
