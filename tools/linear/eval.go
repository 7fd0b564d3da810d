package main

import "io"

// tally counts the examples of one class.
type tally struct{ seen, found int64 }

func eval(in *input, out io.Writer) error {
	m, err := decode(in.weights, in.header.Label)
	if err != nil {
		return err
	}
	classes := map[string]*tally{}
	e := evaluated{Op: "eval"}
	e.Examples, e.Skipped, e.Tokens, err = m.shape.read(in, func(s sample) {
		t := classes[s.class]
		if t == nil {
			t = new(tally)
			classes[s.class] = t
		}
		t.seen++
		if m.classes[m.predict(s.features)] == s.class {
			t.found++
		}
	})
	if err != nil {
		return err
	}
	e.Metrics = metrics(classes, e.Examples)
	return writeLine(out, e)
}

func metrics(classes map[string]*tally, examples int64) map[string]int64 {
	var correct, most, recall int64 // sums of whole numbers: the order of the map does not matter
	for _, t := range classes {
		correct += t.found
		most = max(most, t.seen)
		recall += micro(t.found, t.seen)
	}
	return map[string]int64{
		"examples":                examples,
		"correct":                 correct,
		"accuracy_micro":          micro(correct, examples),
		"baseline_micro":          micro(most, examples),
		"balanced_accuracy_micro": recall / int64(len(classes)),
	}
}

// micro is the share n/of in millionths, rounded down; 0 of nothing.
func micro(n, of int64) int64 {
	if of == 0 {
		return 0
	}
	return n * 1_000_000 / of
}
