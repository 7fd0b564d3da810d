package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/cli"
)

// TestMain lets the test binary act as mythos for the loop.
func TestMain(m *testing.M) {
	if os.Getenv("LEARNING_LOOP_MYTHOS") != "" {
		os.Exit(cli.Main())
	}
	os.Exit(m.Run())
}

// TestShort runs two days of the loop: every layer learns, and the pictures are written.
func TestShort(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a hundred commands")
	}
	t.Setenv("LEARNING_LOOP_MYTHOS", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := run(t.Context(), options{at: dir, mythos: self, days: 2, perDay: 3}); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range []string{"learning-loop.svg", "why.svg"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dec := xml.NewDecoder(f)
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "polyline" && len(e.Attr[0].Value) > 0 {
				lines++
			}
		}
	}
	if lines != 4 {
		t.Errorf("%d lines are plotted: three layers, and what is saved", lines)
	}
}

// TestPlot draws what it is given.
func TestPlot(t *testing.T) {
	svg := plot([]point{{instant: 0.5, fast: 0.25}, {instant: 0.75, smaller: 0.125, fast: 0.5, consolidated: 1}})
	for _, want := range []string{"instant (index), day 2: 0.750", "consolidated (ring 1), day 2: 1.000", "fast (ring 0), day 1: 0.250", "smaller packets, day 2: 0.125"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the plot lacks %q", want)
		}
	}
	if strings.Contains(svg, "consolidated (ring 1), day 1") {
		t.Error("the plot has what was not measured")
	}
}
