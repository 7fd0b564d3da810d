package main

import (
	"errors"
	"io"
)

func eval(in *input, out io.Writer) error {
	m, err := decode(in.weights, in.header.Label)
	if err != nil {
		return err
	}
	var sum, plain, count uint64
	e := evaluated{Op: "eval"}
	e.Examples, e.Skipped, err = m.read(in, func(text string) error {
		var history uint64
		for i := range len(text) {
			history = history<<8 | uint64(text[i])
			sum += loss(m.probability(history, i+1, m.order))
			plain += loss(m.probability(history, i+1, 1))
		}
		if count += uint64(len(text)); count > maxEval {
			return errors.New("the dataset has too much text")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if count == 0 {
		return errors.New("the dataset's texts are empty")
	}
	e.Tokens = int64(count)
	mean, unigram := sum/count, plain/count
	e.Metrics = map[string]int64{
		"examples":            e.Examples,
		"bytes":               int64(count),
		"loss_micro":          micros(mulShift(mean, ln2)),
		"perplexity_micro":    pow2(mean),
		"bits_per_byte_micro": micros(mean),
		"baseline_micro":      micros(mulShift(unigram, ln2)),
	}
	return writeLine(out, e)
}

// maxEval keeps the sum of losses, at most 52 bits each, within 64 bits.
const maxEval = 64 << 20
