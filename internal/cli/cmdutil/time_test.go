package cmdutil

import (
	"testing"

	"github.com/mythos-project/mythos/object"
)

func TestTimes(t *testing.T) {
	now, err := object.ParseTime("2026-11-30T03:45:18.260908Z")
	if err != nil {
		t.Fatal(err)
	}
	f := &Factory{Now: func() object.Time { return now }}
	for text, want := range map[When]string{
		"now":                         "2026-11-30T03:45:18.260908Z",
		"today":                       "2026-11-30T00:00:00.000000Z",
		"yesterday":                   "2026-11-29T00:00:00.000000Z",
		"90m":                         "2026-11-30T02:15:18.260908Z",
		"2h":                          "2026-11-30T01:45:18.260908Z",
		"7d":                          "2026-11-23T03:45:18.260908Z",
		"1d12h":                       "2026-11-28T15:45:18.260908Z",
		"2026-11-30":                  "2026-11-30T00:00:00.000000Z",
		"2026-11-30 06:00":            "2026-11-30T06:00:00.000000Z",
		"2026-11-30T06:00:01.5+02:00": "2026-11-30T04:00:01.500000Z",
		"0":                           "1970-01-01T00:00:00.000000Z",
		"1796010318":                  "2026-11-30T03:45:18.000000Z",
		"1796010318260":               "2026-11-30T03:45:18.260000Z",
		"1796010318260908":            "2026-11-30T03:45:18.260908Z",
		"1796010318260908123":         "2026-11-30T03:45:18.260908Z",
		"-86400":                      "1969-12-31T00:00:00.000000Z",
	} {
		got, err := f.Time("--since", text)
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; expected %s", text, got, err, want)
		}
	}
	for _, text := range []When{"tomorrow", "1h ago", "2026-13-01", "noon", "1e9", "-5m", "99999999999999999999"} {
		if got, err := f.Time("--since", text); err == nil {
			t.Errorf("%s is %s", text, got)
		}
	}
	if at, err := f.Moment("--until", "30d"); err == nil {
		t.Errorf("a time span is %s", at)
	}
	if _, _, err := f.Times("1h", "2h"); err == nil {
		t.Error("a period that ends before it begins")
	}
	if err := new(When).Set(""); err == nil {
		t.Error("an empty time")
	}
}

func TestSpans(t *testing.T) {
	var d Duration
	for _, text := range []string{"90s", "1h30m", "1d12h", "0", "0s", "0.5s", "30d"} {
		if err := d.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	var s Span
	for _, text := range []string{"0", "0s", "", "-1s", "60", "soon"} {
		if err := s.Set(text); err == nil {
			t.Errorf("%q is a span", text)
		}
	}
	if err := s.Set("1d12h"); err != nil || s.String() != "36h0m0s" {
		t.Error(s, err)
	}
}
