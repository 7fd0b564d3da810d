package main

import (
	"encoding/json"
	"errors"
	"io"
)

const format = "mythos.ngram/1"

// total is what is known of a context: how often it was seen, and how many
// different bytes followed.
type total struct{ seen, kinds uint32 }

// model counts n-grams. Index n-1 holds those of length n; a gram is its bytes as
// a big-endian number, a context likewise.
type model struct {
	label   string
	order   int
	maxText int
	grams   []map[uint64]uint32
	totals  []map[uint64]total
}

func newModel(label string, order, maxText int) *model {
	m := &model{label: label, order: order, maxText: maxText}
	for range order {
		m.grams = append(m.grams, map[uint64]uint32{})
		m.totals = append(m.totals, map[uint64]total{})
	}
	return m
}

// add counts an n-gram of length n.
func (m *model) add(n int, gram uint64, count uint32) {
	t := m.totals[n-1][gram>>8]
	if _, known := m.grams[n-1][gram]; !known {
		t.kinds++
	}
	m.grams[n-1][gram] += count
	t.seen += count
	m.totals[n-1][gram>>8] = t
}

// low keeps the last n bytes of a history.
func low(history uint64, n int) uint64 { return history & (1<<(8*n) - 1) }

// learn counts every n-gram of text.
func (m *model) learn(text string) {
	var history uint64
	for i := range len(text) {
		history = history<<8 | uint64(text[i])
		for n := 1; n <= min(m.order, i+1); n++ {
			m.add(n, low(history, n), 1)
		}
	}
}

// probability of the last byte of history, in units of one, when at most order-1
// bytes before it are looked at; known is the number of bytes in history.
func (m *model) probability(history uint64, known, order int) uint64 {
	p := uint64(one / 256)
	for n := 1; n <= min(order, known); n++ {
		gram := low(history, n)
		t := m.totals[n-1][gram>>8]
		if t.seen == 0 {
			break // a longer context was not seen either
		}
		p = smooth(m.grams[n-1][gram], t, p)
	}
	return p
}

func train(in *input, out io.Writer) error {
	m, err := start(in)
	if err != nil {
		return err
	}
	t := trained{Format: format, Media: "application/octet-stream"}
	t.Examples, t.Skipped, err = m.read(in, func(text string) error {
		if t.Tokens += int64(len(text)); int64(m.totals[0][0].seen)+int64(len(text)) > maxBytes {
			return errors.New("too much text for one model")
		}
		m.learn(text)
		return nil
	})
	if err != nil {
		return err
	}
	kinds := 0
	for _, grams := range m.grams {
		kinds += len(grams)
	}
	t.Metrics = map[string]int64{"bytes": t.Tokens, "ngrams": int64(kinds)}
	weights, err := m.encode()
	if err != nil {
		return err
	}
	return writeTrained(out, t, weights)
}

// maxBytes keeps counts within 32 bits.
const maxBytes = 1 << 30

func start(in *input) (*model, error) {
	if len(in.weights) > 0 {
		return decode(in.weights, in.header.Label)
	}
	order, err := in.param("order", 4, 1, maxOrder)
	if err != nil {
		return nil, err
	}
	maxText, err := in.param("max_text", 16<<10, 64, 16<<20)
	return newModel(in.header.Label, order, maxText), err
}

// read calls fn for the text of every example that has the label.
func (m *model) read(in *input, fn func(text string) error) (examples, skipped int64, err error) {
	err = in.examples(func(e example) error {
		if e.Text == nil || !e.has(m.label) {
			skipped++
			return nil
		}
		examples++
		return fn((*e.Text)[:min(len(*e.Text), m.maxText)])
	})
	if err == nil && examples == 0 {
		err = errors.New("the dataset has no example with this label")
	}
	return examples, skipped, err
}

// has reports whether an example has the text label.
func (e example) has(label string) bool {
	if label == "" {
		return true
	}
	for _, s := range e.Signals {
		var text string
		if s.Type == "label" && s.Kind == "text" && json.Unmarshal(s.Value, &text) == nil && text == label {
			return true
		}
	}
	return false
}
