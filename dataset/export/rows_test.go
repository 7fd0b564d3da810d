package export

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// asked is a receipt of a call of a model.
func asked(request, response, details string) ReceiptLine {
	return ReceiptLine{Status: 200, Request: &Payload{Text: &request}, Response: &Payload{Text: &response}, Details: json.RawMessage(details), model: true}
}

func checkRows(t *testing.T, kind Rows, l *Line, want ...string) {
	t.Helper()
	text, n := trainingLines(t, kind, l)
	got := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(want) == 0 {
		got = nil
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || n != len(want) {
		t.Errorf("%s: %d rows\n%s\nexpected\n%s", kind, n, text, strings.Join(want, "\n"))
	}
}

// trainingLines are the lines of an episode.
func trainingLines(t *testing.T, kind Rows, l *Line) (text []byte, n int) {
	t.Helper()
	x := &exporter{o: Options{Rows: kind}}
	list, left, err := x.trainingRows(context.Background(), l)
	if err != nil || (len(list) == 0) != (len(left) == 1) {
		t.Errorf("%d rows, left out: %v: %v", len(list), left, err)
	}
	for _, r := range list {
		text = append(text, r.JSON()...)
	}
	return text, len(list)
}

func TestRowsOfChats(t *testing.T) {
	l := &Line{Source: "chat", Receipts: []ReceiptLine{{Status: 200}, asked(`{"messages":[{"role":"user","content":"<n>","n":1.0}],"tools":[{"type":"function"}]}`, "4",
		`{"message":{"role":"assistant","content":"4","refusal":null},"after":[{"role":"user","content":"thanks"}]}`)}}
	checkRows(t, RowsMessages, l, `{"messages":[{"role":"user","content":"<n>","n":1.0},{"role":"assistant","content":"4","refusal":null},{"role":"user","content":"thanks"}],"tools":[{"type":"function"}]}`)
	checkRows(t, RowsPromptCompletion, l, `{"prompt":[{"role":"user","content":"<n>","n":1.0}],"completion":[{"role":"assistant","content":"4","refusal":null}],"tools":[{"type":"function"}]}`)
	l.Receipts[1].Status = 500
	checkRows(t, RowsMessages, l)
}

func TestRowsOfTraces(t *testing.T) {
	first := asked(`[{"role":"user","parts":[{"type":"text","content":"weather?"}]}]`, `[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"look","arguments":{"at":"Oslo"}}],"finish_reason":"tool_call"}]`, "")
	second := asked(`[{"role":"user","parts":[{"type":"text","content":"weather?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"look","arguments":{"at":"Oslo"}}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"rain"}]}]`,
		`[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"text","content":"Rain."}]}]`, "")
	other := asked(`{"system_instructions":[{"type":"text","content":"Be short."}],"messages":[{"role":"user","content":"thanks in Norwegian"}],"tools":[{"name":"look"}]}`, "Takk.", "")
	l := &Line{Source: "otel", Receipts: []ReceiptLine{first, {Tool: "look"}, second, other}}
	checkRows(t, RowsMessages, l,
		`{"messages":[{"role":"user","content":"weather?"},{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"rain"},{"role":"assistant","content":"Rain.","reasoning_content":"hm"}]}`,
		`{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"thanks in Norwegian"},{"role":"assistant","content":"Takk."}],"tools":[{"name":"look"}]}`)
	if _, n := trainingLines(t, RowsPromptCompletion, l); n != 3 {
		t.Errorf("%d calls of models, expected 3", n)
	}
}

func TestRowsOfTexts(t *testing.T) {
	l := &Line{Source: "mapping", Receipts: []ReceiptLine{asked("why?", "because", "")}}
	checkRows(t, RowsPromptCompletion, l, `{"prompt":"why?","completion":"because"}`)
	checkRows(t, RowsMessages, l, `{"messages":[{"role":"user","content":"why?"},{"role":"assistant","content":"because"}]}`)
	request, response := `{"n":1.0}`, "2"
	tool := ReceiptLine{Tool: "sum", Status: 200, Request: &Payload{Text: &request}, Response: &Payload{Text: &response}}
	own := &Line{Receipts: []ReceiptLine{tool}}
	checkRows(t, RowsPromptCompletion, own, `{"prompt":"{\"n\":1.0}","completion":"2"}`)
	checkRows(t, RowsMessages, own, `{"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"call_1","type":"function","function":{"name":"sum","arguments":"{\"n\":1.0}"}}]},{"role":"tool","tool_call_id":"call_1","content":"2"}]}`)
	own.Receipts[0].Response = &Payload{Withheld: "redaction"}
	checkRows(t, RowsMessages, own)
	sum, _ := rewardOf(&Line{Signals: []SignalLine{{Type: "reward", Kind: "u64", Value: uint64(1<<64 - 1)}, {Type: "reward", Kind: "i64", Value: int64(1)}, {Type: "label", Kind: "u64", Value: uint64(5)}}})
	if sum.String() != "18446744073709551616" {
		t.Error("rewards are not summed exactly")
	}
	if none, left := rewardOf(&Line{}); none != nil || left != leftNoReward {
		t.Error("no reward is a reward")
	}
	if none, left := rewardOf(&Line{Signals: []SignalLine{{Type: "reward", Kind: "u64", Value: uint64(1)}, {Type: "reward", Kind: "text", Value: "2"}}}); none != nil || left != leftNoNumber {
		t.Error("a text is taken for a number")
	}
}
