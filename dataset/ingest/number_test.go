package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/object"
)

func TestTimes(t *testing.T) {
	for text, want := range map[string]object.Time{
		`1704164645`: 1704164645e6, `1.704164645e9`: 1704164645e6, `"1704164645"`: 1704164645e6, `1704164645.25`: 1704164645250000,
		`1704164645000`: 1704164645e6, `1704164645000000`: 1704164645e6, `1704164645000000999`: 1704164645e6, `17041646450e-1`: 1704164645e6,
		`-1.5`: -1500000, `0.0000019`: 1, `-0.0000011`: -2, `9007199254740993`: 9007199254740993, `null`: 0, `""`: 0,
		`"2024-01-02T03:04:05Z"`: 1704164645e6, `"2024-01-02 03:04:05+00:00"`: 1704164645e6, `"2024-01-02T03:04:05+0000"`: 1704164645e6,
		`"2024-01-02t05:04:05.123456789+02"`: 1704164645123456, `"2024-01-01T21:34:05,5-05:30"`: 1704164645500000, `"2024-01-02 03:04:05 UTC"`: 1704164645e6,
		`"1969-12-31T23:59:59.75Z"`: -250000, `"0001-01-01T00:00:00Z"`: -62135596800e6,
	} {
		if got, err := timeOf(json.RawMessage(text)); err != nil || got != want {
			t.Errorf("%s is %d, expected %d: %v", text, got, want, err)
		}
	}
	for text, reason := range map[string]string{
		`"soon"`: "RFC 3339", `"2024-01-02T03:04:05"`: "no zone", `"2024-02-30T03:04:05Z"`: "no such day", `"2024-01-02T24:00:00Z"`: "no such day",
		`"2024-01-02T03:04:05+24:00"`: "not an offset", `1e300`: "too far", `1e99999999`: "RFC 3339", `true`: "RFC 3339", `{}`: "RFC 3339", `"2024-01-02"`: "RFC 3339",
	} {
		if got, err := timeOf(json.RawMessage(text)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s is %d: %v; expected %s", text, got, err, reason)
		}
	}
}

func TestWholeNumbers(t *testing.T) {
	for text, want := range map[string]string{"1.0": "1", "5e0": "5", "3": "3", "9007199254740993": "9007199254740993", "-7.00": "-7", "2e2": "200", "18446744073709551615": "18446744073709551615", "0.0e5": "0", "-9223372036854775808": "-9223372036854775808"} {
		if v, err := scalarOf(json.RawMessage(text), 1); err != nil || v.String() != want {
			t.Errorf("%s is %s: %v", text, v, err)
		}
	}
	for _, text := range []string{"0.8", "1e20", "1e-1", "-1e19", "[]"} {
		if v, err := scalarOf(json.RawMessage(text), 1); err == nil {
			t.Errorf("%s is %s", text, v)
		}
	}
	if v, err := scalarOf(json.RawMessage("0.8"), 1000); err != nil || v.Uint() != 800 {
		t.Errorf("0.8 times 1000 is %s: %v", v, err)
	}
	for text, want := range map[string]uint16{`200.0`: 200, `"200"`: 200, `2e2`: 200, `true`: 200, `"Error"`: 500, `null`: 200, `503`: 503} {
		if got, err := statusOf(json.RawMessage(text)); err != nil || got != want {
			t.Errorf("status %s is %d: %v", text, got, err)
		}
	}
	for _, text := range []string{`200.5`, `70000`, `-1`, `"?"`} {
		if got, err := statusOf(json.RawMessage(text)); err == nil {
			t.Errorf("status %s is %d", text, got)
		}
	}
}
