package train

import (
	"fmt"
	"strings"
)

// Progress is the progress that a tool reports. A tool may report it any number of times, by a line on standard error
// (spec/learning.md#progress):
//
//	progress 3/5 mistakes=12
type Progress struct {
	Done, Total uint64 // in the tool's own unit; Done ≤ Total
	Note        string // the rest of the line
}

// ParseProgress reads such a line; ok is false for any other line.
func ParseProgress(line string) (p Progress, ok bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if word != "progress" {
		return p, false
	}
	count, note, _ := strings.Cut(rest, " ")
	if n, err := fmt.Sscanf(count, "%d/%d", &p.Done, &p.Total); n != 2 || err != nil || p.Done > p.Total || p.Total == 0 || p.Total >= 1<<63 {
		return Progress{}, false
	}
	p.Note = strings.TrimSpace(note)
	return p, true
}

// maxProgressLine is how many bytes of a line are read.
const maxProgressLine = 4 << 10

// LineWriter splits a tool's standard error, written in pieces of any size, and calls Line for each complete line,
// without its end. It drops what exceeds 4 KiB of a line. It is for one goroutine at a time, as runners write.
type LineWriter struct {
	Line func(text string)
	part []byte
}

// Write never fails.
func (w *LineWriter) Write(p []byte) (int, error) {
	for _, b := range p {
		if b == '\n' {
			w.Line(string(w.part))
			w.part = w.part[:0]
		} else if len(w.part) < maxProgressLine {
			w.part = append(w.part, b)
		}
	}
	return len(p), nil
}
