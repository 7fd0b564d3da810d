package otel_test

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/otel"
)

// printer is a Handler that prints.
type printer struct{}

func (printer) Record(r *foreign.Record) error {
	fmt.Printf("%s: %s -> %s\n", r.Model, r.Input, r.Output)
	return nil
}

func (printer) Bad(e *foreign.RecordError) error { return e }

func (printer) Lost(what, why string) error {
	fmt.Println("lost:", what, why)
	return nil
}

func (printer) Passed(what string) { fmt.Println("not of this form:", what) }

// A line may hold a single span.
func Example() {
	const spans = `{"traceId":"aa","spanId":"1","name":"chat m","startTimeUnixNano":"1767225600000000000","attributes":[` +
		`{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"m"}},` +
		`{"key":"gen_ai.input.messages","value":{"stringValue":"How long?"}},{"key":"gen_ai.output.messages","value":{"stringValue":"7 lines"}}]}
{"traceId":"bb","spanId":"2","name":"GET /","startTimeUnixNano":"1767225600000000000"}
`
	if err := (otel.Form{}).Read(strings.NewReader(spans), printer{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// not of this form: spans that are not of generative AI
	// m: How long? -> 7 lines
}
